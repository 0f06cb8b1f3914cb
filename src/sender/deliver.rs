//! One attempt over HTTP: look up the endpoint, sign, post.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;
use tracing::Instrument as _;

use super::http::HttpClient;
use super::keeper::Keeper;
use super::notice::Notice;
use super::policies::Policies;
use super::relay::Relay;
use super::signers::Signers;
use super::span;
use crate::clock::Clock;
use crate::delivery::{Leased, Settlement};
use crate::endpoint::Endpoint;
use crate::event::NewEvent;
use crate::id::{LaneId, Tenant, Work};
use crate::outcome::{Outcome, Report};
use crate::retry::RetryPolicy;
use crate::signature::{Outgoing, SignError};
use crate::store::{StoreError, StoreErrorKind};
use crate::worker::{Deliver, Tended, Terms};

const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// Delivers by HTTP.
#[derive(Debug)]
pub(super) struct HttpDeliver {
    /// The time that signatures carry: that of the wall clock, which may step.
    pub(super) wall: Arc<dyn Clock>,
    pub(super) client: HttpClient,
    pub(super) keeper: Arc<Keeper>,
    pub(super) policies: Arc<Policies>,
    pub(super) signers: Arc<Signers>,
    pub(super) relay: Relay,
    pub(super) propagator: Option<Propagator>,
    pub(super) marks: Marks,
    /// Whose endpoints are told what operators should know.
    pub(super) operator: Option<Tenant>,
}

/// Headers that say what a request is, under names that the application chose.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    pub(super) event_type: Option<HeaderName>,
    pub(super) attempt: Option<HeaderName>,
}

impl Marks {
    pub(super) fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.event_type.iter().chain(&self.attempt)
    }

    fn apply(&self, leased: &Leased, headers: &mut HeaderMap) {
        let event_type = HeaderValue::from_str(leased.event.event_type.as_str());
        if let (Some(name), Ok(value)) = (&self.event_type, event_type) {
            headers.insert(name, value);
        }
        if let Some(name) = &self.attempt {
            headers.insert(name, HeaderValue::from(leased.attempt));
        }
    }
}

/// Puts the current trace on a request.
#[derive(Clone)]
pub(super) struct Propagator(pub(super) Arc<dyn Fn(&mut HeaderMap) + Send + Sync>);

impl std::fmt::Debug for Propagator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Propagator")
    }
}

impl HttpDeliver {
    /// Dispatches notices to the operator's endpoints, all of them in one transaction.
    async fn tell(&self) -> Result<Vec<LaneId>, StoreError> {
        let Some(operator) = &self.operator else { return Ok(Vec::new()) };
        let untold = self.keeper.take_untold();
        let told = self.tell_all(operator, &untold).await;
        if told.is_err() {
            self.keeper.put_back_untold(untold);
        }
        told
    }

    async fn tell_all(&self, operator: &Tenant, notices: &[Arc<Notice>]) -> Result<Vec<LaneId>, StoreError> {
        let mut batch = Vec::with_capacity(notices.len());
        for notice in notices {
            if self.concerns(operator, notice).await? {
                continue;
            }
            let Ok(event) = NewEvent::json(notice.what.event_type(), &**notice) else { continue };
            let now = self.keeper.clock.now();
            let event = Arc::new(event.tenant(operator.clone()).occurred_at(notice.at).seal(now));
            batch.push(self.relay.fan_out.append(event, now).await?);
        }
        let due = batch.iter().flat_map(|append| &append.deliveries).map(|one| one.lane).collect();
        if !batch.is_empty() {
            self.relay.store.append(batch).await?;
        }
        Ok(due)
    }

    /// Whether it is about the operator's own endpoints. Those are not told of it: that would feed itself.
    async fn concerns(&self, operator: &Tenant, notice: &Notice) -> Result<bool, StoreError> {
        if let Some(tenant) = &notice.tenant {
            return Ok(tenant == operator);
        }
        let endpoint = self.keeper.directory.endpoint(notice.endpoint).await?;
        Ok(endpoint.is_none_or(|endpoint| endpoint.tenant == *operator))
    }

    /// The request, with the time and the signature of now.
    fn request(&self, endpoint: &Endpoint, leased: &Leased) -> Result<Request<Full<Bytes>>, SignError> {
        let event = &leased.event;
        let mut request = Request::new(Full::new(event.payload.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = endpoint.target.uri().clone();
        let headers = request.headers_mut();
        *headers = HeaderMap::with_capacity(8);
        headers.insert(ACCEPT_ENCODING, IDENTITY);
        if let Ok(content_type) = HeaderValue::from_str(&event.content_type) {
            headers.insert(CONTENT_TYPE, content_type);
        }
        endpoint.headers.apply(headers);
        self.marks.apply(leased, headers);
        if let Some(propagator) = self.propagator.as_ref().filter(|_| endpoint.traced) {
            (propagator.0)(headers);
        }
        let outgoing = Outgoing {
            method: &Method::POST,
            uri: endpoint.target.uri(),
            id: event.id.as_str(),
            timestamp: self.wall.now(),
            body: &event.payload,
        };
        self.signers.sign(endpoint, &outgoing, headers)?;
        Ok(request)
    }
}

#[async_trait]
impl Deliver for HttpDeliver {
    fn work(&self) -> Work {
        Work::Sent
    }

    fn crew(&self) -> &'static str {
        "sender"
    }

    async fn deliver(&self, leased: &Leased) -> Option<Report> {
        let clock = &self.keeper.clock;
        let began = clock.uptime();
        let local = || Some(Report::new(Outcome::Local, clock.uptime().saturating_sub(began)));
        let Ok(endpoint) = self.keeper.directory.endpoint(leased.lane.endpoint()?).await else { return local() };
        // Disabled or removed since it was claimed: the store holds or cancels it.
        let endpoint = endpoint.filter(|endpoint| endpoint.is_enabled())?;
        let span = span::attempt(leased, &endpoint);
        let exchange = self.client.exchange_for(&endpoint.tenant, || self.request(&endpoint, leased));
        let report = match exchange.instrument(span.clone()).await {
            Ok(report) => Some(report),
            Err(error) => {
                tracing::error!(endpoint = %endpoint.id, %error, "the request cannot be signed");
                local()
            }
        };
        report.inspect(|report| span::end(&span, report))
    }

    async fn terms(&self, lane: LaneId) -> Result<Terms, StoreError> {
        // An inbox's queues are no sender's to serve.
        let Some(id) = lane.endpoint() else { return Ok(Terms::closed()) };
        match self.keeper.directory.endpoint(id).await {
            Ok(endpoint) => Ok(endpoint.map_or(Terms::closed(), |endpoint| self.keeper.terms(&endpoint))),
            // One damaged record must not stop the others' deliveries; its own wait.
            Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                tracing::error!(endpoint = %lane, %error, "an endpoint cannot be read; its deliveries wait");
                Ok(Terms::closed())
            }
            Err(error) => Err(error),
        }
    }

    async fn policy(&self, leased: &Leased) -> Arc<dyn RetryPolicy> {
        if self.policies.is_one() {
            return self.policies.default.clone();
        }
        // Where the endpoint cannot be read, the attempt cannot be made either.
        let endpoint = match leased.lane {
            LaneId::Endpoint(id) => self.keeper.directory.endpoint(id).await.ok().flatten(),
            LaneId::Queue(_) => None,
        };
        let name = endpoint.as_ref().and_then(|endpoint| endpoint.retry.as_deref());
        self.policies.choose(name, &leased.event.event_type)
    }

    fn settled(&self, settlement: &Settlement) {
        self.keeper.note(settlement);
    }

    async fn tend(&self) -> Result<Tended, StoreError> {
        self.keeper.judge().await?;
        let mut due = self.tell().await?;
        let (lanes, more) = self.relay.run().await?;
        due.extend(lanes);
        Ok(Tended { due, more })
    }
}
