//! The steps as tower middleware.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use tower_layer::Layer;
use tower_service::Service;

use super::body::collect;
use super::dedup::Deduplicated;
use super::gate::Gate;
use super::response::{HandlerResponse, MAX_REMEMBERED_BYTES, bare, content_type, duplicate, worse};
use super::verified::Accepted;
use crate::store::FirstResponse;

impl<S> Layer<S> for Gate {
    type Service = WebhookService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        WebhookService { inner, gate: self.clone() }
    }
}

/// A service that verifies the requests of one source for an inner service. [`Gate`] makes it as a tower layer.
/// [`Receiver::store`](super::Receiver::store) makes one around an inbox.
///
/// It passes each verified event to the inner service once. If a request contains many events, the inner service is called for each
/// of them, one after the other, with the event's own bytes as the body. The response is then the first one that is not a success.
/// When the provider tries again, the events that were handled are duplicates.
///
/// The request of the inner service has a [`Verified`](super::Verified) in its extensions, and the verified bytes as its body. The
/// inner service takes `Request<VerifiedBody>`, and returns any body that can be made from bytes. Every axum route and every
/// service that is generic over the body can be an inner service.
#[derive(Clone, Debug)]
pub struct WebhookService<S> {
    pub(super) inner: S,
    pub(super) gate: Gate,
}

impl<S, In, Out> Service<Request<In>> for WebhookService<S>
where
    S: Service<Request<VerifiedBody>, Response = Response<Out>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    In: Body + Send + 'static,
    In::Data: Send,
    Out: Body + From<Bytes> + Send + 'static,
    Out::Data: Send,
{
    type Response = Response<Out>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Out>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<In>) -> Self::Future {
        let gate = self.gate.clone();
        // The service that was polled ready must be called, because its clone may not be ready.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(serve(gate, inner, request))
    }
}

async fn serve<S, In, Out>(gate: Gate, mut inner: S, request: Request<In>) -> Result<Response<Out>, S::Error>
where
    S: Service<Request<VerifiedBody>, Response = Response<Out>>,
    In: Body,
    Out: Body + From<Bytes>,
{
    let (events, request) = match gate.admit(request).await {
        Ok((Accepted::Event(verified), request)) => (vec![verified], request),
        Ok((Accepted::Batch(events), request)) => (events, request),
        Ok((Accepted::Handshake(reply), _)) => return Ok(gate.answer(reply).await),
        Err(rejection) => return Ok(gate.reject(&rejection)),
    };
    let (parts, _) = request.into_parts();
    let uses_answer = gate.uses_answer();
    let mut answer = bare(StatusCode::OK);
    for (at, verified) in events.into_iter().enumerate() {
        if at > 0 {
            // The service was polled ready for the first call only.
            std::future::poll_fn(|context| inner.poll_ready(context)).await?;
        }
        let handled = gate.handle(verified, |verified| {
            let mut request = Request::from_parts(parts.clone(), VerifiedBody::from(verified.body().clone()));
            request.extensions_mut().insert(verified);
            let answer = inner.call(request);
            async move { Ok::<_, S::Error>(Remembered::of(answer.await?, uses_answer).await) }
        });
        let next = match handled.await {
            Ok(Deduplicated::Fresh(answer)) => answer?.response,
            Ok(Deduplicated::Duplicate(answer)) => duplicate(answer),
            Err(rejection) => gate.reject(&rejection),
        };
        answer = worse(answer, next);
    }
    Ok(gate.acknowledge(answer, &parts.headers))
}

/// A handler's response, and the response to its duplicates.
struct Remembered<B> {
    response: Response<B>,
    for_duplicates: FirstResponse,
}

impl<B: Body + From<Bytes>> Remembered<B> {
    /// Reads the body if the provider uses it and it is short enough to be remembered.
    async fn of(response: Response<B>, uses_answer: bool) -> Self {
        let for_duplicates = FirstResponse::status(response.status().as_u16());
        let length = response.body().size_hint().exact().and_then(|length| usize::try_from(length).ok());
        let short = length.is_some_and(|length| length <= MAX_REMEMBERED_BYTES);
        if !uses_answer || !response.status().is_success() || !short {
            return Self { response, for_duplicates };
        }
        let (parts, body) = response.into_parts();
        let content_type = content_type(&parts.headers);
        let Ok(body) = collect(body, usize::MAX).await else {
            let mut broken = bare(StatusCode::INTERNAL_SERVER_ERROR);
            *broken.headers_mut() = parts.headers;
            let for_duplicates = FirstResponse::status(broken.status().as_u16());
            return Self { response: broken, for_duplicates };
        };
        let for_duplicates = FirstResponse { content_type, body: body.clone(), ..for_duplicates };
        Self { response: Response::from_parts(parts, B::from(body)), for_duplicates }
    }
}

impl<B> HandlerResponse for Remembered<B> {
    fn status(&self) -> StatusCode {
        self.response.status()
    }

    fn for_duplicates(&self) -> FirstResponse {
        self.for_duplicates.clone()
    }
}

/// The body of the inner service's request: the verified bytes in one frame.
#[derive(Clone, Debug, Default)]
pub struct VerifiedBody(Option<Bytes>);

impl From<Bytes> for VerifiedBody {
    fn from(bytes: Bytes) -> Self {
        Self(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

impl Body for VerifiedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let length = self.0.as_ref().map_or(0, Bytes::len);
        u64::try_from(length).map_or_else(|_| SizeHint::default(), SizeHint::with_exact)
    }
}
