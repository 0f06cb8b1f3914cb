//! An HTTP API over a [`Sender`], to mount in an axum application: endpoints, events, deliveries, replay.
//!
//! The host authenticates. Its middleware puts a [`Principal`] into the request's extensions; without one, every route answers
//! 401. A tenant sees and changes its own things only; what is another's is answered exactly as what does not exist. An
//! operator sees all.
//!
//! All of it is about what is sent. Lists of events hold those for subscribers and those that were made for certain endpoints,
//! such as test events; what an inbox keeps in the same store, and its jobs, are in no answer and out of reach of every route.
//!
//! ```
//! use axum::extract::Request;
//! use axum::middleware::{self, Next};
//! use axum::response::Response;
//! use hookwire::manage::{Manage, Principal};
//! use hookwire::sender::Sender;
//! use hookwire::store::MemoryStore;
//!
//! /// Your own authentication: a session, a token, a certificate.
//! async fn authenticate(mut request: Request, next: Next) -> Response {
//!     let token = request.headers().get("authorization").and_then(|value| value.to_str().ok());
//!     if token == Some("Bearer acme-token") {
//!         request.extensions_mut().insert(Principal::tenant("acme"));
//!     }
//!     next.run(request).await
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sender = Sender::builder(MemoryStore::new()).build()?;
//! let webhooks = Manage::new(sender).router().layer(middleware::from_fn(authenticate));
//! let app: axum::Router = axum::Router::new().nest("/webhooks", webhooks);
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
//! | `POST /endpoints/{id}/enable`, `disable`, `rotate`, `prove`, `test`, `replay` | a replay counts, unless `dry_run` is `false` |
//! | `GET /endpoints/{id}/health`, `stats` | how it has been answering; how many deliveries are in each state |
//! | `POST GET /events`, `GET /events/{id}` | dispatch (`Idempotency-Key`), list, get |
//! | `GET /event-types` | what [`SenderBuilder::event_types`](crate::sender::SenderBuilder::event_types) was given |
//! | `GET /explain?type=` | who would get an event, and why the others would not |
//! | `GET /deliveries`, `/deliveries/{id}`, `/deliveries/{id}/attempts` | list by filters, get |
//! | `POST /deliveries/{id}/resend`, `cancel` | |
//! | `GET /openapi.json` | OpenAPI 3.1, from this code; [`Manage::openapi`] gives the same |
//!
//! Problems are RFC 9457 documents with a stable `code`, and name the `field` that is wrong. Lists are pages: `limit` (50, at
//! most 100) and `cursor`.
//!
//! # Caveats
//!
//! Keys of endpoints are shown when they are made and never again; values of their headers never. A list leaves out the path and
//! query of a URL, which may be a credential. Bodies are limited to [`Manage::body_limit`] (1 MiB). How often somebody may
//! ask is the host's to limit, as it limits its other routes.

#![expect(unused_qualifications, reason = "utoipa's macros write them")]

mod deliveries;
mod endpoint_documents;
mod endpoints;
mod events;
mod openapi;
mod page;
mod principal;
mod problem;
mod read;
mod replay;

use std::sync::Arc;

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use self::problem::{Code, Problem};
pub use crate::sender::Principal;
use crate::sender::Sender;

/// Longest body accepted, in bytes, where nothing else is said.
const BODY_BYTES: usize = 1 << 20;

/// The API over one sender.
#[derive(Clone, Debug)]
pub struct Manage {
    shared: Arc<Shared>,
}

#[derive(Clone)]
struct Shared {
    sender: Sender,
    body_bytes: usize,
    openapi: Arc<OpenApi>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("sender", &self.sender).finish_non_exhaustive()
    }
}

fn described() -> (Router<Manage>, OpenApi) {
    let routes = OpenApiRouter::with_openapi(openapi::base())
        .merge(endpoints::routes())
        .merge(replay::routes())
        .merge(events::routes())
        .merge(deliveries::routes())
        .merge(openapi::routes());
    let (router, api) = routes.split_for_parts();
    (router, openapi::with_problems(api))
}

impl Manage {
    /// The API over this sender.
    #[must_use]
    pub fn new(sender: Sender) -> Self {
        let openapi = Arc::new(described().1);
        Self { shared: Arc::new(Shared { sender, body_bytes: BODY_BYTES, openapi }) }
    }

    /// Longest body accepted, in bytes.
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        Arc::make_mut(&mut self.shared).body_bytes = bytes;
        self
    }

    /// The routes, to be nested under any path behind the host's authentication.
    pub fn router(self) -> Router {
        let unknown = async || Problem::not_found();
        let method = async || Problem::new(Code::MethodNotAllowed, "this is not done here; see the Allow header");
        described().0.fallback(unknown).method_not_allowed_fallback(method).with_state(self)
    }

    /// The description of the API: OpenAPI 3.1, as JSON. Add your `servers` and `security`.
    #[must_use]
    pub fn openapi(&self) -> serde_json::Value {
        serde_json::to_value(&*self.shared.openapi).unwrap_or_default()
    }
}
