//! One source of a receiver, ready to admit requests.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::Body;

use super::body::{BodyLimits, Limited};
use super::dedup::Desk;
use super::handle::{Answer, Handled, duplicate};
use super::reject::Rejection;
use super::source::Source;
use super::verified::{self, Accepted, Verified};
use crate::signature::Reply;

/// One source of a [`Receiver`](super::Receiver): what a framework without tower calls. Cloning is cheap.
///
/// ```
/// use bytes::Bytes;
/// use hookwire::receiver::{Accepted, Receiver, Rejection, Source};
/// use hookwire::store::MemoryDedup;
/// use http::{Request, StatusCode};
///
/// # async fn framework() -> Result<(), Box<dyn std::error::Error>> {
/// let source = Source::github("a secret of some length")?;
/// let gate = Receiver::builder(MemoryDedup::new()).source(source).build()?.gate("github")?;
///
/// // Headers and bytes in …
/// let request = Request::post("/hooks/github").header("x-hub-signature-256", "sha256=00").body(Bytes::new())?;
/// // … a proof, or the reason to refuse, out.
/// match gate.verify(request).await {
///     Ok(Accepted::Event(verified)) => {
///         gate.handle(verified, |verified| async move { println!("{verified:?}"); StatusCode::OK }).await?;
///     }
///     Ok(_handshake) => {}
///     Err(rejection) => assert_eq!(rejection.status(), StatusCode::UNAUTHORIZED),
/// }
/// # Ok(()) }
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(framework()).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Gate {
    source: Arc<Source>,
    limits: BodyLimits,
    desk: Arc<Desk>,
}

impl Gate {
    pub(super) const fn new(source: Arc<Source>, limits: BodyLimits, desk: Arc<Desk>) -> Self {
        Self { source, limits, desk }
    }

    /// Checks a request whose body was read by the framework. Changes nothing: it may be asked again.
    ///
    /// # Errors
    /// A [`Rejection`]; turn it into the answer and log it.
    pub async fn verify(&self, request: Request<Bytes>) -> Result<Accepted, Rejection> {
        self.check_method(&request)?;
        let limited = Limited::of(request, self.limits)?;
        self.check(&limited).await
    }

    /// Reads, checks and handles a request: the whole way for a framework that has no tower.
    ///
    /// The answer has the handler's status and no body. What was refused is traced, and its [`Rejection`] stands in
    /// the extensions of the answer.
    pub async fn receive<B, A, F, Fut>(&self, request: Request<B>, handler: F) -> Response<Bytes>
    where
        B: Body,
        A: Answer,
        F: FnOnce(Verified) -> Fut,
        Fut: Future<Output = A>,
    {
        let admitted = match self.admit(request).await {
            Ok((Accepted::Event(verified), _)) => self.handle(verified, handler).await,
            Ok((Accepted::Handshake(reply), _)) => return handshake(reply),
            Err(rejection) => Err(rejection),
        };
        match admitted {
            Ok(Handled::Ran(answer)) => bare(answer.status()),
            Ok(Handled::Duplicate { status }) => duplicate(status),
            Err(rejection) => self.refuse(&rejection),
        }
    }

    /// Reads and checks a request, and gives it back with the bytes that were checked (R-16).
    pub(super) async fn admit<B: Body>(&self, request: Request<B>) -> Result<(Accepted, Request<Bytes>), Rejection> {
        self.check_method(&request)?;
        let limited = Limited::read(request, self.limits).await?;
        let accepted = self.check(&limited).await?;
        Ok((accepted, limited.into_request()))
    }

    async fn check(&self, limited: &Limited) -> Result<Accepted, Rejection> {
        verified::check(&self.source, limited, self.desk.clock.now()).await
    }

    fn check_method<B>(&self, request: &Request<B>) -> Result<(), Rejection> {
        if self.source.accepts(request.method()) {
            Ok(())
        } else {
            Err(Rejection::method(self.source.allowed_methods()))
        }
    }

    pub(super) fn refuse<B: From<Bytes>>(&self, rejection: &Rejection) -> Response<B> {
        rejection.trace(self.source.name());
        rejection.to_response()
    }

    pub(super) const fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    pub(super) fn source_name(&self) -> &str {
        self.source.name()
    }
}

fn bare(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// A scheme's reply as a response; one that HTTP cannot carry is our own fault.
pub(super) fn handshake<B: From<Bytes>>(reply: Reply) -> Response<B> {
    let mut response = Response::new(B::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(content_type) = HeaderValue::try_from(reply.content_type) {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response
}
