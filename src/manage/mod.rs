//! An HTTP API over a [`Sender`], to mount in an axum application: endpoints, events, deliveries, replay.
//!
//! The host authenticates. Its middleware puts a [`Scope`](crate::sender::Scope) into the request's extensions. Without a scope,
//! every route returns 401. A tenant sees and changes what belongs to it, and an object of another tenant is treated like an object
//! that does not exist. An operator sees and changes everything. A [read-only](crate::sender::Scope::read_only) caller gets 403
//! from every route that changes or sends something.
//!
//! The API covers sent events only. Lists of events include those for subscribers and those for certain endpoints, such as test
//! events. The events and jobs that an inbox keeps in the same store are not accessible.
//!
//! ```
//! use axum::extract::Request;
//! use axum::middleware::{self, Next};
//! use axum::response::Response;
//! use hookwire::{manage::Manage, sender::Scope};
//! use hookwire::sender::Sender;
//! use hookwire::store::MemoryStore;
//!
//! /// Your own authentication: a session, a token, a certificate.
//! async fn authenticate(mut request: Request, next: Next) -> Response {
//!     let token = request.headers().get("authorization").and_then(|value| value.to_str().ok());
//!     if token == Some("Bearer acme-token") {
//!         request.extensions_mut().insert(Scope::tenant("acme"));
//!     }
//!     next.run(request).await
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sender = Sender::builder(MemoryStore::new()).build()?;
//! let webhooks = Manage::new(sender).router().layer(middleware::from_fn(authenticate));
//! let app: axum::Router = axum::Router::new().nest("/webhooks", webhooks);
//! # use tower::ServiceExt as _;
//! # let request = Request::builder().uri("/webhooks/endpoints").body(axum::body::Body::empty())?;
//! assert_eq!(app.oneshot(request).await?.status(), 401, "the request is not authenticated");
//! # Ok(())
//! # }
//! ```
//!
//! # Routes
//!
//! | | |
//! |---|---|
//! | `POST GET /endpoints` | create (the secret is shown once), list |
//! | `GET PATCH DELETE /endpoints/{id}` | get, change, remove; `ETag` and `If-Match` |
//! | `POST /endpoints/{id}/enable`, `disable`, `rotate`, `prove`, `test`, `replay` | a replay only counts, unless `dry_run` is `false` |
//! | `GET /endpoints/{id}/health`, `stats` | how the endpoint answers; how many deliveries are in each state |
//! | `POST GET /events`, `GET /events/{id}` | dispatch (`Idempotency-Key`), list, get |
//! | `GET /event-types` | the types of [`SenderBuilder::event_types`](crate::sender::SenderBuilder::event_types) |
//! | `GET /explain?type=` | which endpoints would get an event, and why the others would not |
//! | `GET /deliveries`, `/deliveries/{id}`, `/deliveries/{id}/attempts`, `/deliveries/{id}/details` | list by filters, get |
//! | `POST /deliveries/{id}/resend`, `cancel` | |
//! | `POST GET /jobs`, `GET /jobs/{number}`, `POST /jobs/{number}/stop` | resend or cancel all deliveries that match a filter, in the background; only counts, unless `dry_run` is `false` |
//! | `GET /audit` | who changed what |
//! | `GET /rollups` | what happened in each minute or hour: of all endpoints, or of one |
//! | `GET /failures` | what failed finally, in groups by endpoint, outcome and the shape of the response |
//! | `GET /openapi.json` | OpenAPI 3.1, from this code; [`Manage::openapi`] gives the same |
//!
//! Problems are RFC 9457 documents with a stable `code`; they name the `field` that is invalid. Lists have pages: `limit` (50, at
//! most 100) and `cursor`. Lists of events, deliveries and changes are also read back: `before` is the `previous_cursor` of a page. The
//! pages of both directions join without gaps.
//!
//! `GET /deliveries` filters by `outcome` of the last attempt (`503`, `5xx`, `timeout`), by `attempted_from` and `attempted_to`, and by
//! `label` of the endpoint (`plan=pro`), besides tenant, event, endpoint, state, type, `from` and `to`.
//!
//! # Caveats
//!
//! The key of an endpoint is shown only when it is created; the values of its headers are never shown. Lists leave out the path and
//! query of a URL, which may be a credential. Bodies are limited to [`Manage::body_limit`] (1 MiB). The host must limit the rate of
//! requests, as for its other routes.

#![expect(unused_qualifications, reason = "utoipa's macros write them")]

mod audit;
mod caller;
mod deliveries;
mod details;
mod endpoint_documents;
mod endpoints;
mod events;
mod failures;
mod filter;
mod jobs;
mod openapi;
mod page;
mod problem;
mod read;
mod replay;
mod rollups;
mod state;

use std::sync::Arc;

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use self::problem::{Code, Problem};
pub use self::state::Manage;
use self::state::Shared;
use crate::sender::Sender;

/// The default for the longest body, in bytes.
const BODY_BYTES: usize = 1 << 20;

fn described() -> (Router<Manage>, OpenApi) {
    let routes = OpenApiRouter::with_openapi(openapi::base())
        .merge(endpoints::routes())
        .merge(replay::routes())
        .merge(events::routes())
        .merge(deliveries::routes())
        .merge(jobs::routes())
        .merge(rollups::routes())
        .merge(failures::routes())
        .merge(audit::routes())
        .merge(details::routes())
        .merge(openapi::routes());
    let (router, api) = routes.split_for_parts();
    (router, openapi::with_problems(api))
}

impl Manage {
    /// An API for this sender.
    #[must_use]
    pub fn new(sender: Sender) -> Self {
        let openapi = Arc::new(described().1);
        Self { shared: Arc::new(Shared { sender, body_bytes: BODY_BYTES, openapi }) }
    }

    /// Sets the longest body that is accepted, in bytes. Default: 1 MiB.
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        Arc::make_mut(&mut self.shared).body_bytes = bytes;
        self
    }

    /// The routes. Nest them under any path, behind the host's authentication. See the [module](self) for an example.
    pub fn router(self) -> Router {
        let unknown = async || Problem::not_found();
        let method = async || {
            Problem::new(Code::MethodNotAllowed, "the route does not support this method; see the Allow header")
        };
        described().0.fallback(unknown).method_not_allowed_fallback(method).with_state(self)
    }

    /// The description of the API: OpenAPI 3.1, as JSON. Add your `servers` and `security`.
    ///
    /// ```
    /// use hookwire::manage::Manage;
    /// use hookwire::sender::Sender;
    /// use hookwire::store::MemoryStore;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut description = Manage::new(Sender::builder(MemoryStore::new()).build()?).openapi();
    /// description["servers"] = serde_json::json!([{ "url": "https://app.example/webhooks" }]);
    /// assert!(description["paths"]["/endpoints"]["post"].is_object());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn openapi(&self) -> serde_json::Value {
        serde_json::to_value(&*self.shared.openapi).unwrap_or_default()
    }
}
