//! The gate of one source, which checks requests.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use http_body::Body;

use super::body::{BodyLimits, Limited};
use super::dedup::Deduper;
use super::documents::DocumentCache;
use super::event_keys::group;
use super::keys::KeysError;
use super::reject::{Rejection, RejectionKind};
use super::response::{handshake, replace_by_required, status};
use super::source::Source;
use super::verified::{self, Accepted};
use crate::id::Tenant;
use crate::provider::Reply;
use crate::store::StoreError;

/// One source of a [`Receiver`](super::Receiver). It is a tower layer (see [`WebhookService`](super::WebhookService)). For a framework
/// without tower, its methods check requests and run handlers. Cheap to clone.
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
/// // The framework has read headers and body ...
/// let request = Request::post("/hooks/github").header("x-hub-signature-256", "sha256=00").body(Bytes::new())?;
/// // ... and gets a verified event, or the reason to reject the request.
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
    deduper: Arc<Deduper>,
    documents: Arc<DocumentCache>,
}

/// The content of a request, and the request with the bytes that were checked (R-16).
pub(super) type Admitted = Result<(Accepted, Request<Bytes>), Rejection>;

impl Gate {
    pub(super) const fn new(
        source: Arc<Source>,
        limits: BodyLimits,
        deduper: Arc<Deduper>,
        documents: Arc<DocumentCache>,
    ) -> Self {
        Self { source, limits, deduper, documents }
    }

    /// Checks a request whose body the framework has read. A check changes nothing and can be repeated.
    ///
    /// # Errors
    /// Returns a [`Rejection`]. [`Rejection::to_response`] is the response to it.
    pub async fn verify(&self, request: Request<Bytes>) -> Result<Accepted, Rejection> {
        self.admit_bytes(request).await.map(|(accepted, _)| accepted)
    }

    /// Makes the events with these provider ids new again. After a wrong 2xx, a redelivery from the provider's dashboard is then handled
    /// again. The tenant is that of the source or of the route ([`Verified::tenant`](super::Verified::tenant)). Returns for each id the
    /// number of deleted records: 0 if there was no record, or if the event is being handled.
    ///
    /// ```
    /// # use hookwire::id::Tenant;
    /// # use hookwire::receiver::{Receiver, Source};
    /// # use hookwire::store::MemoryDedup;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let source = Source::stripe("whsec_one_of_stripe_s")?;
    /// let receiver = Receiver::builder(MemoryDedup::new()).source(source).build()?;
    /// assert_eq!(receiver.gate("stripe")?.forget(&Tenant::default(), &["evt_1", "evt_2"]).await?, [0, 0]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn forget(&self, tenant: &Tenant, ids: &[&str]) -> Result<Vec<u64>, StoreError> {
        let groups: Vec<_> = ids.iter().map(|id| group(tenant, self.source.name(), id)).collect();
        self.deduper.store.forget(&groups).await
    }

    /// Returns the response to a handshake, for callers of [`verify`](Self::verify). If the provider requires a URL to be fetched first
    /// ([`Reply::visit`]), this method fetches it. If that fails, the response is 503, so that the provider asks again. The extensions of
    /// the response contain the reply, which may contain a key from the provider.
    pub async fn answer<B: From<Bytes>>(&self, reply: Reply) -> Response<B> {
        if let Some(url) = &reply.visit
            && let Err(error) = self.documents.visit(&self.source.shared_name(), url, self.deduper.clock.now()).await
        {
            return self.reject(&Rejection::keys(KeysError::new(error)));
        }
        handshake(reply)
    }

    /// Returns the longest accepted body, in bytes: the limit of the [source](Source::max_body), or of the
    /// [receiver](super::ReceiverBuilder::max_body). A framework that reads the body itself should read no more than this.
    ///
    /// ```
    /// use hookwire::receiver::{Receiver, Source};
    /// use hookwire::store::MemoryDedup;
    ///
    /// let source = Source::stripe("whsec_one_of_stripe_s")?.max_body(64 * 1024);
    /// let receiver = Receiver::builder(MemoryDedup::new()).source(source).build()?;
    /// assert_eq!(receiver.gate("stripe")?.max_body(), 65_536);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn max_body(&self) -> usize {
        self.limits.max_bytes
    }

    /// Reads and checks a request.
    pub(super) async fn admit<B: Body>(&self, request: Request<B>) -> Admitted {
        self.admit_or_headers(request).await.map_err(|(rejection, _)| rejection)
    }

    /// Reads and checks a request. If it is rejected, also returns its headers, unless its body could not be read.
    pub(super) async fn admit_or_headers<B: Body>(
        &self,
        request: Request<B>,
    ) -> Result<(Accepted, Request<Bytes>), (Rejection, HeaderMap)> {
        if let Err(rejection) = self.check_method(&request) {
            return Err((rejection, request.into_parts().0.headers));
        }
        let limited = Limited::read(request, self.limits).await.map_err(|rejection| (rejection, HeaderMap::new()))?;
        match self.check(&limited).await {
            Ok(accepted) => Ok((accepted, limited.into_request())),
            Err(rejection) => Err((rejection, limited.into_request().into_parts().0.headers)),
        }
    }

    /// Checks a request whose body was read by the framework.
    pub(super) async fn admit_bytes(&self, request: Request<Bytes>) -> Admitted {
        self.check_method(&request)?;
        self.admit_limited(Limited::of(request, self.limits)?).await
    }

    async fn admit_limited(&self, limited: Limited) -> Admitted {
        let accepted = self.check(&limited).await?;
        Ok((accepted, limited.into_request()))
    }

    async fn check(&self, limited: &Limited) -> Result<Accepted, Rejection> {
        verified::check(&self.source, limited, &self.documents, self.deduper.clock.now()).await
    }

    fn check_method<B>(&self, request: &Request<B>) -> Result<(), Rejection> {
        if self.source.accepts(request.method()) {
            Ok(())
        } else {
            Err(Rejection::method(self.source.allowed_methods()))
        }
    }

    /// Traces a rejection and returns the response to it.
    pub(super) fn reject<B: From<Bytes>>(&self, rejection: &Rejection) -> Response<B> {
        rejection.trace(self.source.name());
        let mut response = rejection.to_response();
        let response_rules = self.source.scheme().response_rules();
        if rejection.status() == StatusCode::UNAUTHORIZED
            && let Some(fixed) = response_rules.rejected
        {
            replace_by_required(&mut response, fixed);
        }
        if rejection.kind() == RejectionKind::Busy
            && let Some(busy) = response_rules.busy
        {
            *response.status_mut() = status(busy);
        }
        response
    }

    /// Changes the response to handled events into the response that the provider expects. `request` contains the headers of the request.
    pub(super) fn acknowledge<B: From<Bytes>>(&self, mut response: Response<B>, request: &HeaderMap) -> Response<B> {
        if !response.status().is_success() {
            return response;
        }
        let response_rules = self.source.scheme().response_rules();
        if let Some(fixed) = response_rules.accepted {
            replace_by_required(&mut response, fixed);
        }
        for name in response_rules.echoes {
            if let (Some(value), Ok(name)) = (request.get(*name), HeaderName::try_from(*name)) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        response
    }

    pub(super) const fn deduper(&self) -> &Arc<Deduper> {
        &self.deduper
    }

    /// Whether the provider uses the body of a response, so that duplicates must get it as well.
    pub(super) fn uses_answer(&self) -> bool {
        self.source.scheme().response_rules().uses_answer
    }

    pub(super) fn source_name(&self) -> &str {
        self.source.name()
    }
}
