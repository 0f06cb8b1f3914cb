//! One attempt over HTTP: reads the endpoint, signs the request and sends it.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use tracing::Instrument as _;

use super::attempt_detail::{AttemptDetail, Kept, KeptDetails, Sent, SentHeaders, WaitingNotes};
use super::bulk::runner::JobRunner;
use super::health::HealthMonitor;
use super::http::{Exchanged, HttpClient};
use super::notice::Notice;
use super::policies::Policies;
use super::relay::Relay;
use super::signers::Signers;
use super::span;
use crate::clock::{Clock, Timestamp};
use crate::delivery::{Leased, Settlement};
use crate::endpoint::Endpoint;
use crate::event::NewEvent;
use crate::id::{LaneId, Tenant, Work};
use crate::outcome::{Outcome, Report};
use crate::retry::RetryPolicy;
use crate::signature::{Outgoing, SignError};
use crate::store::{StoreError, StoreErrorKind};
use crate::worker::{Deliver, LanePolicy, Maintenance};

const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// Delivers by HTTP.
#[derive(Debug)]
pub(super) struct HttpDeliver {
    /// The clock for the timestamps in signatures: the wall clock, which may jump.
    pub(super) wall: Arc<dyn Clock>,
    pub(super) client: HttpClient,
    pub(super) health: Arc<HealthMonitor>,
    pub(super) policies: Arc<Policies>,
    pub(super) signers: Arc<Signers>,
    pub(super) relay: Relay,
    pub(super) propagator: Option<Propagator>,
    pub(super) marks: MarkHeaders,
    /// The tenant whose endpoints get notices as events.
    pub(super) operator: Option<Tenant>,
    /// Which details are kept.
    pub(super) details: Kept,
    /// The details that are not stored yet.
    pub(super) notes: WaitingNotes,
    pub(super) jobs: JobRunner,
}

/// Headers that name the event type and the attempt, under names that the application chose.
#[derive(Clone, Debug, Default)]
pub(super) struct MarkHeaders {
    pub(super) event_type: Option<HeaderName>,
    pub(super) attempt: Option<HeaderName>,
}

impl MarkHeaders {
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

/// Writes the current trace into the headers of a request.
#[derive(Clone)]
pub(super) struct Propagator(pub(super) Arc<dyn Fn(&mut HeaderMap) + Send + Sync>);

impl std::fmt::Debug for Propagator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Propagator")
    }
}

impl HttpDeliver {
    /// Dispatches notices to the operator's endpoints, in one transaction. Returns the lanes that have work now.
    async fn dispatch_notices(&self) -> Result<Vec<LaneId>, StoreError> {
        let Some(operator) = &self.operator else { return Ok(Vec::new()) };
        let notices = self.health.take_undispatched();
        let dispatched = self.dispatch_all(operator, &notices).await;
        if dispatched.is_err() {
            self.health.put_back_undispatched(notices);
        }
        dispatched
    }

    async fn dispatch_all(&self, operator: &Tenant, notices: &[Arc<Notice>]) -> Result<Vec<LaneId>, StoreError> {
        let mut batch = Vec::with_capacity(notices.len());
        for notice in notices {
            if self.concerns(operator, notice).await? {
                continue;
            }
            let Ok(event) = NewEvent::json(notice.kind.event_type(), &**notice) else { continue };
            let now = self.health.clock.now();
            let event = Arc::new(event.tenant(operator.clone()).occurred_at(notice.at).seal(now));
            batch.push(self.relay.fan_out.append(event, now).await?);
        }
        let due = batch.iter().flat_map(|append| &append.deliveries).map(|one| one.lane).collect();
        if !batch.is_empty() {
            self.relay.store.append(batch).await?;
        }
        Ok(due)
    }

    /// Whether the notice is about an endpoint of the operator. Such an endpoint gets no notice about itself, because that would cause
    /// further notices.
    async fn concerns(&self, operator: &Tenant, notice: &Notice) -> Result<bool, StoreError> {
        if let Some(tenant) = &notice.tenant {
            return Ok(tenant == operator);
        }
        let endpoint = self.health.directory.endpoint(notice.endpoint).await?;
        Ok(endpoint.is_none_or(|endpoint| endpoint.tenant == *operator))
    }

    /// Keeps the details of an attempt.
    fn keep_detail(
        &self,
        leased: &Leased,
        (endpoint, at): (&Endpoint, Timestamp),
        sent: &SentHeaders,
        got: &Exchanged,
    ) {
        if self.notes.is_full() {
            self.notes.leave_out();
            return;
        }
        let (unsigned, default) = (self.unsigned(endpoint, leased), self.client.default_headers());
        let sent = Sent { headers: sent, unsigned: &unsigned, default: &default, method: &Method::POST };
        let detail = AttemptDetail::of(leased, (endpoint, at), &sent, got, self.details.response_body);
        self.notes.push(detail.note(leased.lease.delivery));
    }

    /// The headers of a request, without a signature.
    fn unsigned(&self, endpoint: &Endpoint, leased: &Leased) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(ACCEPT_ENCODING, IDENTITY);
        if let Ok(content_type) = HeaderValue::from_str(&leased.event.content_type) {
            headers.insert(CONTENT_TYPE, content_type);
        }
        endpoint.headers.apply(&mut headers);
        self.marks.apply(leased, &mut headers);
        if let Some(propagator) = self.propagator.as_ref().filter(|_| endpoint.traced) {
            (propagator.0)(&mut headers);
        }
        headers
    }

    /// Makes the request, signed with the current time.
    fn request(&self, endpoint: &Endpoint, leased: &Leased) -> Result<Request<Bytes>, SignError> {
        let event = &leased.event;
        let mut request = Request::new(event.payload.clone());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = endpoint.target.uri().clone();
        *request.headers_mut() = self.unsigned(endpoint, leased);
        let outgoing = Outgoing {
            method: &Method::POST,
            uri: endpoint.target.uri(),
            id: event.id.as_str(),
            timestamp: self.wall.now(),
            body: &event.payload,
        };
        self.signers.sign(endpoint, &outgoing, request.headers_mut())?;
        Ok(request)
    }
}

#[async_trait]
impl Deliver for HttpDeliver {
    fn work(&self) -> Work {
        Work::Sent
    }

    fn group(&self) -> &'static str {
        "sender"
    }

    async fn deliver(&self, leased: &Leased) -> Option<Report> {
        let clock = &self.health.clock;
        let (began, at) = (clock.uptime(), clock.now());
        let local = || Some(Report::new(Outcome::Local, clock.uptime().saturating_sub(began)));
        let Ok(endpoint) = self.health.directory.endpoint(leased.lane.endpoint()?).await else { return local() };
        // The endpoint was disabled or removed since the claim: the store holds or cancels the delivery.
        let endpoint = endpoint.filter(|endpoint| endpoint.is_enabled())?;
        let span = span::attempt(leased, &endpoint);
        let mut sent = SentHeaders::default();
        let exchange = self.client.exchange(Some(&endpoint.tenant), || {
            let request = self.request(&endpoint, leased)?;
            if self.details.of != KeptDetails::None {
                sent.set(request.headers());
            }
            Ok::<_, SignError>(request)
        });
        let report = match exchange.instrument(span.clone()).await {
            Ok((report, exchanged)) => {
                if self.details.of.includes(report.outcome) {
                    span.in_scope(|| self.keep_detail(leased, (&endpoint, at), &sent, &exchanged));
                }
                Some(report)
            }
            Err(error) => {
                tracing::error!(endpoint = %endpoint.id, %error, "the request cannot be signed; check the endpoint's schemes and keys");
                local()
            }
        };
        report.inspect(|report| span::end(&span, report))
    }

    async fn lane_policy(&self, lane: LaneId) -> Result<LanePolicy, StoreError> {
        // A sender does not deliver to the queues of an inbox.
        let Some(id) = lane.endpoint() else { return Ok(LanePolicy::closed()) };
        match self.health.directory.endpoint(id).await {
            Ok(endpoint) => Ok(endpoint.map_or(LanePolicy::closed(), |endpoint| self.health.lane_policy(&endpoint))),
            // One corrupt record must not stop the deliveries of other endpoints; only the deliveries of this endpoint wait.
            Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                tracing::error!(endpoint = %lane, %error, "the record of an endpoint cannot be read; its deliveries wait until the record is repaired");
                Ok(LanePolicy::closed())
            }
            Err(error) => Err(error),
        }
    }

    async fn retry_policy(&self, leased: &Leased) -> Arc<dyn RetryPolicy> {
        if self.policies.is_one() {
            return self.policies.default.clone();
        }
        // If the endpoint cannot be read, no attempt was possible either.
        let endpoint = match leased.lane {
            LaneId::Endpoint(id) => self.health.directory.endpoint(id).await.ok().flatten(),
            LaneId::Queue(_) => None,
        };
        let name = endpoint.as_ref().and_then(|endpoint| endpoint.retry.as_deref());
        self.policies.choose(name, &leased.event.event_type)
    }

    fn settled(&self, settlement: &Settlement) {
        self.health.record(settlement);
    }

    async fn flush(&self) {
        self.notes.store_in(&*self.relay.store).await;
    }

    async fn maintain(&self) -> Result<Maintenance, StoreError> {
        self.health.check_suspects().await?;
        let mut due = self.dispatch_notices().await?;
        let (lanes, more) = self.relay.run().await?;
        due.extend(lanes);
        self.flush().await;
        Ok(Maintenance { due, more })
    }

    async fn work_off(&self) -> Result<Maintenance, StoreError> {
        self.jobs.advance().await
    }
}
