//! Handlers by event type.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response, StatusCode};
use serde::de::DeserializeOwned;
use tower_service::Service;

use super::config_error::ReceiverConfigError;
use super::reject::{Rejection, RejectionKind};
use super::response::{HandlerResponse, bare};
use super::service::VerifiedBody;
use super::verified::Verified;
use super::webhook::Webhook;

type Handling = Pin<Box<dyn Future<Output = StatusCode> + Send>>;
type Handler = Arc<dyn Fn(Verified) -> Handling + Send + Sync>;

/// Calls a handler by the event's type.
///
/// A pattern is a whole type (`invoice.paid`), a prefix followed by a star (`invoice.*`), or `*`. The most specific pattern wins:
/// a whole type before a prefix, a longer prefix before a shorter one, in whatever order they were added. The response to an event
/// without a type or a handler is 204, so that the provider neither tries again nor disables the webhook; see
/// [`otherwise`](Self::otherwise). The response to a payload that cannot be read as `T` is 422, and the event stays
/// new.
///
/// If a request holds many events, each event goes to its own handler. A handler's closure owns its state. The router is a plain
/// function, and a tower service behind [`Receiver::gate`](super::Receiver::gate):
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
/// let events = EventRouter::new()
///     .on("invoice.*", |event: Webhook<Invoice>| async move {
///         println!("{:?}: invoice {}", event.verified().event_type(), event.payload.number);
///     })?
///     .on("customer.deleted", |_: Webhook<serde_json::Value>| async { StatusCode::ACCEPTED })?;
///
/// let source = Source::stripe("whsec_one_of_stripe_s")?;
/// let receiver = Receiver::builder(MemoryDedup::new()).source(source).build()?;
/// // As a service: axum's `Router::route_service("/hooks/stripe", service)` takes it.
/// let gate = receiver.gate("stripe")?;
/// let service = gate.layer(events.clone());
/// // As a function: `gate.receive(request, |event| events.handle(event)).await`.
/// # async fn function(gate: hookwire::receiver::Gate, events: EventRouter, request: Request<http_body_util::Full<Bytes>>) {
/// gate.receive(request, |event| events.handle(event)).await;
/// # }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct EventRouter(Arc<Routes>);

#[derive(Clone)]
struct Routes {
    /// Most specific first.
    handlers: Vec<(TypePattern, Handler)>,
    otherwise: Handler,
}

/// The event types of a handler.
#[derive(Clone, Debug, PartialEq, Eq)]
enum TypePattern {
    Whole(String),
    Prefix(String),
}

impl TypePattern {
    fn read(text: &str) -> Result<Self, ReceiverConfigError> {
        let (prefix, star) = text.strip_suffix('*').map_or((text, false), |prefix| (prefix, true));
        match (prefix.contains('*'), star, prefix.is_empty()) {
            (true, ..) | (_, false, true) => Err(ReceiverConfigError::Pattern(text.to_owned())),
            (_, true, _) => Ok(Self::Prefix(prefix.to_owned())),
            (_, false, _) => Ok(Self::Whole(text.to_owned())),
        }
    }

    fn matches(&self, event_type: &str) -> bool {
        match self {
            Self::Whole(whole) => whole == event_type,
            Self::Prefix(prefix) => event_type.starts_with(prefix.as_str()),
        }
    }

    /// A pattern with a higher rank is tried earlier.
    fn rank(&self) -> (bool, usize) {
        match self {
            Self::Whole(whole) => (true, whole.len()),
            Self::Prefix(prefix) => (false, prefix.len()),
        }
    }
}

impl EventRouter {
    /// A router without handlers: the response to every event is 204.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Routes { handlers: Vec::new(), otherwise: status(StatusCode::NO_CONTENT) }))
    }

    /// Runs `handler` for events whose type matches the pattern. Their payload is read as `T`.
    ///
    /// # Errors
    /// Returns [`ReceiverConfigError::Pattern`] if the pattern is invalid, and [`ReceiverConfigError::DuplicatePattern`] if it
    /// already has a handler.
    pub fn on<T, A, F, Fut>(mut self, pattern: &str, handler: F) -> Result<Self, ReceiverConfigError>
    where
        T: DeserializeOwned + Send + 'static,
        A: HandlerResponse,
        F: Fn(Webhook<T>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = A> + Send + 'static,
    {
        let text = pattern;
        let pattern = TypePattern::read(text)?;
        if self.0.handlers.iter().any(|(other, _)| *other == pattern) {
            return Err(ReceiverConfigError::DuplicatePattern(text.to_owned()));
        }
        let handlers = &mut Arc::make_mut(&mut self.0).handlers;
        handlers.push((pattern, typed(handler)));
        handlers.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.rank()));
        Ok(self)
    }

    /// Runs `handler` for events that match no pattern.
    #[must_use]
    pub fn fallback<T, A, F, Fut>(mut self, handler: F) -> Self
    where
        T: DeserializeOwned + Send + 'static,
        A: HandlerResponse,
        F: Fn(Webhook<T>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = A> + Send + 'static,
    {
        Arc::make_mut(&mut self.0).otherwise = typed(handler);
        self
    }

    /// Responds to events that match no pattern with this status instead of 204. A provider tries again after a status that is
    /// not a success, and may disable the webhook.
    #[must_use]
    pub fn otherwise(mut self, code: StatusCode) -> Self {
        Arc::make_mut(&mut self.0).otherwise = status(code);
        self
    }

    /// Runs the handler of an event and returns its status.
    pub fn handle(&self, event: Verified) -> impl Future<Output = StatusCode> + Send + use<> {
        let event_type = event.event_type().unwrap_or_default();
        let found = self.0.handlers.iter().find(|(pattern, _)| pattern.matches(event_type));
        let handler = found.map_or(&self.0.otherwise, |(_, handler)| handler);
        handler(event)
    }
}

impl Default for EventRouter {
    fn default() -> Self {
        Self::new()
    }
}

fn typed<T, A, F, Fut>(handler: F) -> Handler
where
    T: DeserializeOwned + Send + 'static,
    A: HandlerResponse,
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

/// A service behind [`Receiver::gate`](super::Receiver::gate). Without the layer nothing was verified, and the response is 500.
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
            Ok(match handling {
                Some(handling) => bare(handling.await),
                None => Rejection::new(RejectionKind::NotVerified).to_response(),
            })
        })
    }
}

/// Prints the patterns only.
impl fmt::Debug for EventRouter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.handlers.iter().map(|(pattern, _)| pattern)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> TypePattern {
        TypePattern::read(text).unwrap()
    }

    #[test]
    fn a_pattern_is_a_type_a_prefix_or_everything() {
        assert!(pattern("a.b").matches("a.b") && !pattern("a.b").matches("a.b.c"));
        assert!(pattern("a.*").matches("a.b") && pattern("a.*").matches("a.b.c") && !pattern("a.*").matches("ab"));
        assert!(pattern("*").matches("") && pattern("Push Hook").matches("Push Hook"));
        for text in ["", "a*b", "**", "*.a"] {
            assert_eq!(TypePattern::read(text), Err(ReceiverConfigError::Pattern(text.into())));
        }
    }

    #[test]
    fn two_handlers_for_one_pattern_are_invalid() {
        let handler = |_: Webhook<serde_json::Value>| async {};
        let router = EventRouter::new().on("a.*", handler).unwrap().on("*", handler).unwrap();
        assert_eq!(router.on("a.*", handler).unwrap_err(), ReceiverConfigError::DuplicatePattern("a.*".into()));
    }
}
