//! The way as tower middleware.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use tower_layer::Layer;
use tower_service::Service;

use super::gate::{bare, worse};
use super::handle::{Handled, duplicate};
use super::{Accepted, Gate};

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
    Out: From<Bytes> + Send + 'static,
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
    Out: From<Bytes>,
{
    let (events, request) = match gate.admit(request).await {
        Ok((Accepted::Event(verified), request)) => (vec![verified], request),
        Ok((Accepted::Batch(events), request)) => (events, request),
        Ok((Accepted::Handshake(reply), _)) => return Ok(gate.answer(reply).await),
        Err(rejection) => return Ok(gate.refuse(&rejection)),
    };
    let (parts, _) = request.into_parts();
    let mut answer = bare(StatusCode::OK);
    for (at, verified) in events.into_iter().enumerate() {
        if at > 0 {
            // The first call uses the readiness that was polled before.
            std::future::poll_fn(|context| inner.poll_ready(context)).await?;
        }
        let handled = gate.handle(verified, |verified| {
            let mut request = Request::from_parts(parts.clone(), VerifiedBody::from(verified.body().clone()));
            request.extensions_mut().insert(verified);
            inner.call(request)
        });
        let next = match handled.await {
            Ok(Handled::Ran(answer)) => answer?,
            Ok(Handled::Duplicate { status }) => duplicate(status),
            Err(rejection) => gate.refuse(&rejection),
        };
        answer = worse(answer, next);
    }
    Ok(gate.acknowledge(answer))
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
