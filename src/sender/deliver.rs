//! One attempt over HTTP: look up the endpoint, sign, post.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::Full;

use super::directory::CachedDirectory;
use super::http::HttpClient;
use crate::clock::Clock;
use crate::delivery::{Leased, Next};
use crate::endpoint::Endpoint;
use crate::event::Event;
use crate::id::EndpointId;
use crate::outcome::{Outcome, Report};
use crate::retry::{FailReason, RetryPolicy};
use crate::signature::{STANDARD, SignError, Signing};
use crate::store::StoreError;
use crate::worker::{Deliver, Terms};

const IDENTITY: HeaderValue = HeaderValue::from_static("identity");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("hookwire/", env!("CARGO_PKG_VERSION")));

/// Delivers by HTTP.
#[derive(Debug)]
pub(super) struct HttpDeliver {
    client: HttpClient,
    directory: Arc<CachedDirectory>,
    policy: Arc<dyn RetryPolicy>,
    clock: Arc<dyn Clock>,
}

impl HttpDeliver {
    pub(super) fn new(
        client: HttpClient,
        directory: Arc<CachedDirectory>,
        policy: Arc<dyn RetryPolicy>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { client, directory, policy, clock }
    }

    /// The request, with the time and the signature of now.
    fn request(&self, endpoint: &Endpoint, event: &Event) -> Result<Request<Full<Bytes>>, SignError> {
        let mut request = Request::new(Full::new(event.payload.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = endpoint.target.uri().clone();
        let headers = request.headers_mut();
        *headers = HeaderMap::with_capacity(8);
        headers.insert(ACCEPT_ENCODING, IDENTITY);
        headers.insert(USER_AGENT, AGENT);
        if let Ok(content_type) = HeaderValue::from_str(&event.content_type) {
            headers.insert(CONTENT_TYPE, content_type);
        }
        let signing = Signing { id: event.id.as_str(), timestamp: self.clock.now(), body: &event.payload };
        STANDARD.sign(&signing, &endpoint.keys, headers)?;
        Ok(request)
    }
}

#[async_trait]
impl Deliver for HttpDeliver {
    async fn deliver(&self, leased: &Leased) -> Option<Report> {
        let began = self.clock.uptime();
        let local = || Some(Report::new(Outcome::Local, self.clock.uptime().saturating_sub(began)));
        let Ok(endpoint) = self.directory.endpoint(leased.endpoint).await else { return local() };
        // Disabled or removed since it was claimed: the store holds or cancels it.
        let endpoint = endpoint.filter(|endpoint| endpoint.is_enabled())?;
        match self.client.exchange(|| self.request(&endpoint, &leased.event)).await {
            Ok(report) => Some(report),
            Err(error) => {
                tracing::error!(endpoint = %endpoint.id, %error, "the request cannot be signed");
                local()
            }
        }
    }

    async fn terms(&self, lane: EndpointId) -> Result<Terms, StoreError> {
        let endpoint = self.directory.endpoint(lane).await?.filter(|endpoint| endpoint.is_enabled());
        Ok(endpoint.map_or(Terms::closed(), |endpoint| Terms::open(endpoint.limits.concurrency)))
    }

    fn policy(&self, _leased: &Leased) -> &dyn RetryPolicy {
        &*self.policy
    }

    fn settled(&self, lane: EndpointId, next: &Next) {
        if let Next::Failed { reason: FailReason::Gone | FailReason::Blocked } = next {
            self.directory.forget(lane, None);
        }
    }
}
