//! Handlers by event type.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde::de::DeserializeOwned;
use tower_service::Service;

use super::gate::bare;
use super::{Answer, Verified, VerifiedBody, Webhook};

type Handling = Pin<Box<dyn Future<Output = StatusCode> + Send>>;
type Handler = Arc<dyn Fn(Verified) -> Handling + Send + Sync>;

/// Calls a handler by the event's type.
///
/// A pattern is a whole type (`invoice.paid`), a beginning with a star behind it (`invoice.*`), or `*`. A whole type goes
/// before a beginning, and a longer beginning before a shorter one, in whatever order they were added. An event of a type for
/// which there is no handler, or without a type, is acknowledged with 204, so that the provider neither tries again nor
/// switches the webhook off; see [`otherwise`](EventRouterBuilder::otherwise). A payload that is no `T` is answered 422 and
/// stays fresh.
///
/// Where a request holds many events, each finds its own handler. State is what a handler's closure owns. It serves as a
/// plain function, and as a tower service behind [`Receiver::layer`](super::Receiver::layer):
///
/// ```
/// use bytes::Bytes;
/// use hookwire::receiver::{EventRouter, Receiver, Source, Webhook};
/// use hookwire::store::MemoryDedup;
/// use http::{Request, StatusCode};
/// use tower::Layer as _;
///
/// #[derive(serde::Deserialize)]
/// struct Invoice { number: u64 }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let events = EventRouter::builder()
///     .on("invoice.*", |event: Webhook<Invoice>| async move {
///         println!("{:?}: invoice {}", event.verified().event_type(), event.payload.number);
///     })
///     .on("customer.deleted", |_: Webhook<serde_json::Value>| async { StatusCode::ACCEPTED })
///     .build()?;
///
/// let source = Source::stripe("whsec_one_of_stripe_s")?;
/// let receiver = Receiver::builder(MemoryDedup::new()).source(source).build()?;
/// // As a service: axum's `Router::route_service("/hooks/stripe", service)` takes it.
/// let service = receiver.layer("stripe")?.layer(events.clone());
/// // As a function: `gate.receive(request, |event| events.handle(event)).await`.
/// let gate = receiver.gate("stripe")?;
/// # async fn function(gate: hookwire::receiver::Gate, events: EventRouter, request: Request<http_body_util::Full<Bytes>>) {
/// gate.receive(request, |event| events.handle(event)).await;
/// # }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct EventRouter(Arc<Routes>);

struct Routes {
    /// Most specific first.
    handlers: Vec<(Pattern, Handler)>,
    otherwise: Handler,
}

/// What a handler is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Whole(String),
    Beginning(String),
}

impl Pattern {
    fn read(text: &str) -> Result<Self, RouteError> {
        let (beginning, star) = text.strip_suffix('*').map_or((text, false), |beginning| (beginning, true));
        match (beginning.contains('*'), star, beginning.is_empty()) {
            (true, ..) | (_, false, true) => Err(RouteError::Pattern(text.to_owned())),
            (_, true, _) => Ok(Self::Beginning(beginning.to_owned())),
            (_, false, _) => Ok(Self::Whole(text.to_owned())),
        }
    }

    fn matches(&self, event_type: &str) -> bool {
        match self {
            Self::Whole(whole) => whole == event_type,
            Self::Beginning(beginning) => event_type.starts_with(beginning.as_str()),
        }
    }

    /// Higher is looked at earlier.
    fn rank(&self) -> (bool, usize) {
        match self {
            Self::Whole(whole) => (true, whole.len()),
            Self::Beginning(beginning) => (false, beginning.len()),
        }
    }
}

/// Handlers that cannot be told apart, or a pattern that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// A star anywhere but at the end, or nothing at all.
    #[error("pattern `{0}`: must be a type, a beginning with `*` behind it, or `*`")]
    Pattern(String),
    /// Two handlers have the same pattern.
    #[error("pattern `{0}`: has two handlers")]
    Twice(String),
}

/// Sets up an [`EventRouter`].
#[must_use = "build it"]
pub struct EventRouterBuilder {
    handlers: Vec<(String, Handler)>,
    otherwise: Handler,
}

impl EventRouter {
    /// Begins with no handler at all.
    pub fn builder() -> EventRouterBuilder {
        EventRouterBuilder { handlers: Vec::new(), otherwise: status(StatusCode::NO_CONTENT) }
    }

    /// Runs the handler of an event.
    pub fn handle(&self, event: Verified) -> impl Future<Output = StatusCode> + Send + use<> {
        let event_type = event.event_type().unwrap_or_default();
        let found = self.0.handlers.iter().find(|(pattern, _)| pattern.matches(event_type));
        let handler = found.map_or(&self.0.otherwise, |(_, handler)| handler);
        handler(event)
    }
}

impl EventRouterBuilder {
    /// Runs `handler` for events of a type; its payload is read as `T`.
    pub fn on<T, A, F, Fut>(mut self, pattern: &str, handler: F) -> Self
    where
        T: DeserializeOwned + Send + 'static,
        A: Answer,
        F: Fn(Webhook<T>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = A> + Send + 'static,
    {
        self.handlers.push((pattern.to_owned(), typed(handler)));
        self
    }

    /// Runs `handler` for events that no other handler is for.
    pub fn fallback<T, A, F, Fut>(mut self, handler: F) -> Self
    where
        T: DeserializeOwned + Send + 'static,
        A: Answer,
        F: Fn(Webhook<T>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = A> + Send + 'static,
    {
        self.otherwise = typed(handler);
        self
    }

    /// Answers events that no handler is for with this status instead of 204. A provider tries again after one that is no
    /// success, and may switch the webhook off.
    pub fn otherwise(mut self, code: StatusCode) -> Self {
        self.otherwise = status(code);
        self
    }

    /// Sets it up.
    ///
    /// # Errors
    /// When a pattern is none, or has two handlers.
    pub fn build(self) -> Result<EventRouter, RouteError> {
        let mut handlers: Vec<(Pattern, Handler)> = Vec::with_capacity(self.handlers.len());
        for (text, handler) in self.handlers {
            let pattern = Pattern::read(&text)?;
            if handlers.iter().any(|(other, _)| *other == pattern) {
                return Err(RouteError::Twice(text));
            }
            handlers.push((pattern, handler));
        }
        handlers.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.rank()));
        Ok(EventRouter(Arc::new(Routes { handlers, otherwise: self.otherwise })))
    }
}

fn typed<T, A, F, Fut>(handler: F) -> Handler
where
    T: DeserializeOwned + Send + 'static,
    A: Answer,
    F: Fn(Webhook<T>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = A> + Send + 'static,
{
    Arc::new(move |verified| match Webhook::read(verified) {
        Ok(webhook) => {
            let handling = handler(webhook);
            Box::pin(async move { handling.await.status() })
        }
        Err(error) => {
            tracing::warn!(reason = %error, "webhook not routed");
            Box::pin(std::future::ready(StatusCode::UNPROCESSABLE_ENTITY))
        }
    })
}

fn status(code: StatusCode) -> Handler {
    Arc::new(move |_| Box::pin(std::future::ready(code)))
}

/// Behind [`Receiver::layer`](super::Receiver::layer); without it nothing was verified, and the answer is 500.
impl Service<Request<VerifiedBody>> for EventRouter {
    type Response = Response<VerifiedBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<VerifiedBody>) -> Self::Future {
        let handling = request.extensions().get::<Verified>().map(|verified| self.handle(verified.clone()));
        Box::pin(async move {
            let code = match handling {
                Some(handling) => handling.await,
                None => StatusCode::INTERNAL_SERVER_ERROR,
            };
            Ok(bare::<Bytes>(code).map(VerifiedBody::from))
        })
    }
}

/// The patterns only.
impl fmt::Debug for EventRouter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.handlers.iter().map(|(pattern, _)| pattern)).finish()
    }
}

/// The patterns only.
impl fmt::Debug for EventRouterBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.handlers.iter().map(|(pattern, _)| pattern)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::read(text).unwrap()
    }

    #[test]
    fn a_pattern_is_a_type_a_beginning_or_everything() {
        assert!(pattern("a.b").matches("a.b") && !pattern("a.b").matches("a.b.c"));
        assert!(pattern("a.*").matches("a.b") && pattern("a.*").matches("a.b.c") && !pattern("a.*").matches("ab"));
        assert!(pattern("*").matches("") && pattern("Push Hook").matches("Push Hook"));
        for text in ["", "a*b", "**", "*.a"] {
            assert_eq!(Pattern::read(text), Err(RouteError::Pattern(text.into())));
        }
    }

    #[test]
    fn two_handlers_for_one_pattern_are_refused() {
        let handler = |_: Webhook<serde_json::Value>| async {};
        let twice = EventRouter::builder().on("a.*", handler).on("*", handler).on("a.*", handler).build();
        assert_eq!(twice.unwrap_err(), RouteError::Twice("a.*".into()));
    }
}
