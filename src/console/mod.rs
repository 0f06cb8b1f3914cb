//! Pages over a [`Sender`], to mount in an axum application: for its operators, and for each tenant as its portal.
//!
//! The host authenticates, as for [`manage`](crate::manage): its middleware puts a [`Scope`](crate::sender::Scope) into the request's
//! extensions; without a scope, every page returns 401. A tenant sees and changes what belongs to it, an operator everything. A
//! [read-only](crate::sender::Scope::read_only) caller sees the same pages without their forms.
//!
//! ```
//! use axum::extract::Request;
//! use axum::middleware::{self, Next};
//! use axum::response::Response;
//! use hookwire::console::Console;
//! use hookwire::sender::{Scope, Sender};
//! use hookwire::store::MemoryStore;
//!
//! /// Your own authentication: a session, a token, a certificate.
//! async fn authenticate(mut request: Request, next: Next) -> Response {
//!     request.extensions_mut().insert(Scope::tenant("acme"));
//!     next.run(request).await
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sender = Sender::builder(MemoryStore::new()).build()?;
//! let console = Console::new(sender).router().layer(middleware::from_fn(authenticate));
//! let app: axum::Router = axum::Router::new().nest_service("/webhooks", console);
//! # use tower::ServiceExt as _;
//! # let request = Request::builder().uri("/webhooks/endpoints").body(axum::body::Body::empty())?;
//! assert_eq!(app.oneshot(request).await?.status(), 200);
//! # Ok(())
//! # }
//! ```
//!
//! # What to know
//!
//! - The pages are HTML that the server writes, and work without script. A small script refreshes lists, copies texts and handles keyboard
//!   shortcuts. Nothing is loaded from another origin, and the Content-Security-Policy allows nothing else.
//! - Every link is relative, so the pages can be under any path, also behind a proxy that removes a prefix. The first page is `overview`;
//!   the path of the console redirects there. Mount it by `nest_service`, which also matches the path with a slash at its end; `nest` does
//!   not.
//! - A request that changes something is a `POST` from a page of the same origin. The console compares `Sec-Fetch-Site` or `Origin`;
//!   where both are absent, the form must carry the token of its page, which only the process that wrote the page accepts.
//! - Payloads, responses, URLs and labels are shown as text: markup is escaped, and control characters and direction marks are shown as
//!   codes. [`Console::redact`] hides what must not be shown at all.
//! - A page copies and downloads the exact bytes of a payload, or the text that [`Console::redact`] returns.
//! - A damaged delivery or inbox job does not hide the other rows of a list: its row reports the damage. A damaged endpoint is left out of
//!   the list. If an event is damaged, its part of the list is not shown, and the page reports it. Each damaged record is logged once, as a
//!   warning.
//! - The secret of an endpoint is shown once, when it is made; a reload makes no other one. Values of the headers that an endpoint adds are never shown.
//! - The events and jobs of an inbox are accessible to operators only, and only if the host sets [`Console::inbox`].
//! - Deliveries are filtered by state, tenant, event, type, endpoint, label of the endpoint, and time, and by the outcome and the time of the
//!   last attempt. The filter is in the URL.
//! - Lists of deliveries, events, jobs and changes lead to older rows and back to newer ones. Of the rows that existed
//!   when the walk began, none is left out or repeated. The first page has no link to newer rows: reload it.
//! - A replay, and a change to all deliveries that match a filter, run as jobs: a worker of the sender carries them out, and the page `jobs`
//!   shows and stops them. Without a worker they wait.
//! - The page `audit` shows who changed what, by the [name](crate::sender::Scope::named) that the host gives each caller.
//! - The host must limit the rate of requests, as for its other routes.

mod assets;
mod audit;
mod brand;
mod bulk;
mod bulk_action;
mod caller;
mod damage;
mod deliveries;
mod delivery;
mod diagnose;
mod endpoint;
mod endpoints;
mod escape;
mod event;
mod events;
mod failure;
mod failures;
mod form;
mod frame;
mod inbox;
mod jobs;
mod json;
mod lease;
mod link;
mod new_id;
mod overview;
mod pace;
mod payload;
mod replay;
mod salvage;
mod secret_page;
mod state;
mod timings;
mod traffic;
mod turns;
mod types;
mod view;
mod words;
mod wrong;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;

use self::brand::Accent;
use self::failure::Failure;
use self::frame::FramePolicy;
pub use self::state::Console;
use self::state::Shared;
use crate::event::Event;
use crate::field::FieldError;
use crate::receiver::inbox::Inbox;
use crate::sender::Sender;

impl Console {
    /// The pages for this sender.
    #[must_use]
    pub fn new(sender: Sender) -> Self {
        Self { shared: Arc::new(Shared::new(sender)) }
    }

    /// Sets the name that each page shows. Default: `Webhooks`.
    #[must_use]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        Arc::make_mut(&mut self.shared).brand.name = name.into();
        self
    }

    /// Sets the colour of links and buttons: red, green and blue. It is darkened for the light theme, and lightened for the dark one, as
    /// far as it must be to be readable.
    ///
    /// ```
    /// use hookwire::console::Console;
    /// use hookwire::sender::Sender;
    /// use hookwire::store::MemoryStore;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let console = Console::new(Sender::builder(MemoryStore::new()).build()?)
    ///     .name("Acme webhooks")
    ///     .accent([0x0a, 0x5c, 0x36])
    ///     .logo("/logo.svg")
    ///     .in_frames_of(["https://app.acme.example"])?;
    /// # drop(console);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn accent(mut self, colour: [u8; 3]) -> Self {
        Arc::make_mut(&mut self.shared).brand.accent = Some(Arc::new(Accent::new(colour)));
        self
    }

    /// Sets the URL of a logo, which each page shows with a height of 24 pixels. It must have the origin of the pages, such as `/logo.svg`:
    /// their Content-Security-Policy allows no other picture.
    #[must_use]
    pub fn logo(mut self, url: impl Into<Arc<str>>) -> Self {
        Arc::make_mut(&mut self.shared).brand.logo = Some(url.into());
        self
    }

    /// Allows pages of these origins to show the console in a frame. By default no page may do so, not even a page of the same origin.
    ///
    /// # Errors
    /// Returns a [`FieldError`] that names an origin that is not of the form `https://app.example` or `https://app.example:8443`.
    pub fn in_frames_of<O: AsRef<str>>(mut self, origins: impl IntoIterator<Item = O>) -> Result<Self, FieldError> {
        Arc::make_mut(&mut self.shared).frames = FramePolicy::of(origins)?;
        Ok(self)
    }

    /// Adds the pages of an inbox: its queues, the jobs that failed and why, and a form to handle them again. Only operators see them.
    ///
    /// ```
    /// use hookwire::console::Console;
    /// use hookwire::receiver::inbox::{Inbox, Queue};
    /// use hookwire::sender::Sender;
    /// use hookwire::store::MemoryStore;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = MemoryStore::new();
    /// let inbox = Inbox::builder(store.clone()).queue(Queue::new("orders", async |_| Ok(()))).build()?;
    /// let console = Console::new(Sender::builder(store).build()?).inbox(inbox);
    /// # drop(console);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn inbox(mut self, inbox: Inbox) -> Self {
        Arc::make_mut(&mut self.shared).inbox = Some(inbox);
        self
    }

    /// Sets what is shown of a payload: the text that the function returns, or the whole payload if it returns `None`.
    ///
    /// ```
    /// use hookwire::console::Console;
    /// use hookwire::sender::Sender;
    /// use hookwire::store::MemoryStore;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let console = Console::new(Sender::builder(MemoryStore::new()).build()?)
    ///     .redact(|event| event.event_type.as_str().starts_with("card.").then(|| "hidden".into()));
    /// # drop(console);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn redact(mut self, shown: impl Fn(&Event) -> Option<String> + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.shared).redact = Some(Arc::new(shown));
        self
    }

    /// The routes. Mount them under any path by `nest_service`, behind the host's authentication. See the [module](self) for an example.
    pub fn router(self) -> Router {
        let unknown = async || Failure::not_found();
        let method = async || {
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, "This page does not support the method of the request.")
        };
        Router::new()
            .merge(overview::routes())
            .merge(endpoints::routes())
            .merge(endpoint::routes())
            .merge(replay::routes())
            .merge(diagnose::routes())
            .merge(deliveries::routes())
            .merge(delivery::routes())
            .merge(bulk::routes())
            .merge(jobs::routes())
            .merge(failures::routes())
            .merge(events::routes())
            .merge(event::routes())
            .merge(types::routes())
            .merge(inbox::routes())
            .merge(audit::routes())
            .merge(assets::routes())
            .fallback(unknown)
            .method_not_allowed_fallback(method)
            .layer(from_fn_with_state(self.clone(), failure::finish))
            .with_state(self)
    }
}
