//! The way as tower middleware.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Collected};
use tower_layer::Layer;
use tower_service::Service;

use super::gate::{bare, worse};
use super::handle::{Answer, Handled, duplicate};
use super::{Accepted, Gate};
use crate::store::FirstAnswer;

/// Longest body of an answer that is remembered for duplicates, in bytes.
const MAX_REMEMBERED_BYTES: u64 = 64 * 1024;

/// Makes [`WebhookService`]s: made by [`Receiver::layer`](super::Receiver::layer), for one source.
#[derive(Clone, Debug)]
pub struct WebhookLayer {
    gate: Gate,
}

impl WebhookLayer {
    pub(super) const fn new(gate: Gate) -> Self {
        Self { gate }
    }
}

impl<S> Layer<S> for WebhookLayer {
    type Service = WebhookService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        WebhookService { inner, gate: self.gate.clone() }
    }
}

/// Lets only verified events through to the inner service, each once. Where a request holds many events, the inner
/// service is called for each, one after the other, with the event's own bytes as the body; the first answer that is no
/// success is the answer, and the sender's retry finds the others handled.
///
/// The inner service finds a [`Verified`](super::Verified) in the extensions of the request, and the verified bytes as
/// its body. It takes `Request<VerifiedBody>`, as every axum route and every service that is generic over the body
/// does, and answers with any body that can be made from bytes.
#[derive(Clone, Debug)]
pub struct WebhookService<S> {
    inner: S,
    gate: Gate,
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
        // The one that was polled ready is the one that must be called; a clone of it need not be ready.
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
        Err(rejection) => return Ok(gate.refuse(&rejection)),
    };
    let (parts, _) = request.into_parts();
    let uses_answer = gate.uses_answer();
    let mut answer = bare(StatusCode::OK);
    for (at, verified) in events.into_iter().enumerate() {
        if at > 0 {
            // The first call uses the readiness that was polled before.
            std::future::poll_fn(|context| inner.poll_ready(context)).await?;
        }
        let handled = gate.handle(verified, |verified| {
            let mut request = Request::from_parts(parts.clone(), VerifiedBody::from(verified.body().clone()));
            request.extensions_mut().insert(verified);
            let answer = inner.call(request);
            async move { Ok::<_, S::Error>(Remembered::of(answer.await?, uses_answer).await) }
        });
        let next = match handled.await {
            Ok(Handled::Ran(answer)) => answer?.response,
            Ok(Handled::Duplicate(answer)) => duplicate(answer),
            Err(rejection) => gate.refuse(&rejection),
        };
        answer = worse(answer, next);
    }
    Ok(gate.acknowledge(answer, &parts.headers))
}

/// A handler's response, with what its duplicates will be answered.
struct Remembered<B> {
    response: Response<B>,
    for_duplicates: FirstAnswer,
}

impl<B: Body + From<Bytes>> Remembered<B> {
    /// Reads the body where the provider uses it and it is short enough to be kept.
    async fn of(response: Response<B>, uses_answer: bool) -> Self {
        let for_duplicates = FirstAnswer::status(response.status().as_u16());
        let short = response.body().size_hint().exact().is_some_and(|length| length <= MAX_REMEMBERED_BYTES);
        if !uses_answer || !response.status().is_success() || !short {
            return Self { response, for_duplicates };
        }
        let (parts, body) = response.into_parts();
        let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        let Ok(body) = body.collect().await.map(Collected::to_bytes) else {
            let mut broken = bare(StatusCode::INTERNAL_SERVER_ERROR);
            *broken.headers_mut() = parts.headers;
            let for_duplicates = FirstAnswer::status(broken.status().as_u16());
            return Self { response: broken, for_duplicates };
        };
        let for_duplicates = FirstAnswer { content_type, body: body.clone(), ..for_duplicates };
        Self { response: Response::from_parts(parts, B::from(body)), for_duplicates }
    }
}

impl<B> Answer for Remembered<B> {
    fn status(&self) -> StatusCode {
        self.response.status()
    }

    fn for_duplicates(&self) -> FirstAnswer {
        self.for_duplicates.clone()
    }
}

/// The body that the inner service gets: the verified bytes, in one frame.
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
