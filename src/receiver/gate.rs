//! One source of a receiver, ready to admit requests.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::Body;

use super::body::{BodyLimits, Limited};
use super::dedup::Desk;
use super::documents::Library;
use super::handle::{Answer, Handled, duplicate};
use super::keys::KeysError;
use super::reject::{Rejection, RejectionKind};
use super::source::Source;
use super::verified::{self, Accepted, Verified};
use crate::signature::{Fixed, Reply};

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
    library: Arc<Library>,
}

impl Gate {
    pub(super) const fn new(source: Arc<Source>, limits: BodyLimits, desk: Arc<Desk>, library: Arc<Library>) -> Self {
        Self { source, limits, desk, library }
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
    /// The answer has the handler's status and no body, unless the provider insists on another one. Where a request holds
    /// many events, the handler runs for each, one after the other, and the first answer that is no success is the
    /// answer: the sender tries again, and the events that were handled are duplicates then. What was refused is traced,
    /// and its [`Rejection`] stands in the extensions of the answer.
    pub async fn receive<B, A, F, Fut>(&self, request: Request<B>, mut handler: F) -> Response<Bytes>
    where
        B: Body,
        A: Answer,
        F: FnMut(Verified) -> Fut,
        Fut: Future<Output = A>,
    {
        let (events, request) = match self.admit(request).await {
            Ok((Accepted::Event(verified), request)) => (vec![verified], request),
            Ok((Accepted::Batch(events), request)) => (events, request),
            Ok((Accepted::Handshake(reply), _)) => return self.answer(reply).await,
            Err(rejection) => return self.refuse(&rejection),
        };
        let mut answer = bare(StatusCode::OK);
        for verified in events {
            let next = match self.handle(verified, &mut handler).await {
                Ok(Handled::Ran(answer)) => bare(answer.status()),
                Ok(Handled::Duplicate(answer)) => duplicate(answer),
                Err(rejection) => self.refuse(&rejection),
            };
            answer = worse(answer, next);
        }
        self.acknowledge(answer, request.headers())
    }

    /// The answer to a handshake, for those who call [`verify`](Self::verify) themselves. Where the provider wants a URL to
    /// be fetched first ([`Reply::visit`]), that is done; if it fails, the answer is 503, and the provider asks again. The
    /// reply stands in the extensions of the answer: it may hold a key that the provider has handed over.
    pub async fn answer<B: From<Bytes>>(&self, reply: Reply) -> Response<B> {
        if let Some(url) = &reply.visit
            && let Err(error) = self.library.visit(&self.source.shared_name(), url, self.desk.clock.now()).await
        {
            return self.refuse(&Rejection::keys(KeysError::new(error)));
        }
        handshake(reply)
    }

    /// Reads and checks a request, and gives it back with the bytes that were checked (R-16).
    pub(super) async fn admit<B: Body>(&self, request: Request<B>) -> Result<(Accepted, Request<Bytes>), Rejection> {
        self.check_method(&request)?;
        let limited = Limited::read(request, self.limits).await?;
        let accepted = self.check(&limited).await?;
        Ok((accepted, limited.into_request()))
    }

    async fn check(&self, limited: &Limited) -> Result<Accepted, Rejection> {
        verified::check(&self.source, limited, &self.library, self.desk.clock.now()).await
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
        let mut response = rejection.to_response();
        let conduct = self.source.scheme().conduct();
        if rejection.status() == StatusCode::UNAUTHORIZED
            && let Some(fixed) = conduct.refused
        {
            insist(&mut response, fixed);
        }
        if rejection.kind() == RejectionKind::Busy
            && let Some(busy) = conduct.busy
        {
            *response.status_mut() = status(busy);
        }
        response
    }

    /// The answer to events that were handled, as the provider wants it. `asked` are the headers of the request.
    pub(super) fn acknowledge<B: From<Bytes>>(&self, mut response: Response<B>, asked: &HeaderMap) -> Response<B> {
        if !response.status().is_success() {
            return response;
        }
        let conduct = self.source.scheme().conduct();
        if let Some(fixed) = conduct.accepted {
            insist(&mut response, fixed);
        }
        for name in conduct.echoes {
            if let (Some(value), Ok(name)) = (asked.get(*name), HeaderName::try_from(*name)) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        response
    }

    pub(super) const fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// Whether duplicates get the body of the first answer, too.
    pub(super) fn uses_answer(&self) -> bool {
        self.source.scheme().conduct().uses_answer
    }

    pub(super) fn source_name(&self) -> &str {
        self.source.name()
    }
}

fn insist<B: From<Bytes>>(response: &mut Response<B>, fixed: Fixed) {
    *response.status_mut() = status(fixed.status);
    *response.body_mut() = B::from(Bytes::from_static(fixed.body.as_bytes()));
    if !fixed.body.is_empty() {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    }
}

/// The first of two answers that is no success; else the later.
pub(super) fn worse<B>(earlier: Response<B>, later: Response<B>) -> Response<B> {
    if earlier.status().is_success() { later } else { earlier }
}

pub(super) fn bare<B: From<Bytes>>(status: StatusCode) -> Response<B> {
    let mut response = Response::new(B::from(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// A scheme's reply as a response; one that HTTP cannot carry is our own fault. The reply itself stands in the
/// extensions: it may hold a key that the sender has handed over.
fn handshake<B: From<Bytes>>(reply: Reply) -> Response<B> {
    let mut response = Response::new(B::from(reply.body.clone()));
    *response.status_mut() = status(reply.status);
    for (name, value) in &reply.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(*name, value);
        }
    }
    response.extensions_mut().insert(reply);
    response
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
