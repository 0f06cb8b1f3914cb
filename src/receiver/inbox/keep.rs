//! Keeping an event: durable before it is answered.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::{Request, Response, StatusCode};
use http_body::Body;
use sha2::{Digest, Sha256};
use tower_service::Service;

use super::Inbox;
use super::deliver::Served;
use crate::clock::Timestamp;
use crate::delivery::{Leased, NewDelivery};
use crate::event::{Event, EventType, MAX_TYPE_BYTES, NewEvent, Origin};
use crate::id::{DeliveryId, EventId, Tenant};
use crate::receiver::dedup::group;
use crate::receiver::gate::bare;
use crate::receiver::handle::duplicate;
use crate::receiver::{Accepted, Gate, Receiver, Rejection, UnknownSource, Verified, VerifiedBody};
use crate::store::{Append, Appended, DedupGroup, DedupKey, FirstAnswer, StoreError, StoreErrorKind};
use crate::telemetry;
use crate::worker::Reservation;

/// What became of an event that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kept {
    /// It is stored, and will be handled.
    Stored,
    /// It was stored before.
    Duplicate,
    /// It is stored, and no queue is for it.
    Unwanted,
}

impl Inbox {
    /// Keeps a verified event: when this returns, it is durable, and the provider may be told so (202). The event is recognised
    /// when it comes again, by the same [keys](Verified::dedup_keys) as in a dedup store: they are stored with it, in one
    /// transaction. For frameworks without tower; with it, see [`Receiver::keep`](crate::receiver::Receiver::keep).
    ///
    /// # Errors
    /// When the store is in trouble: answer 503, so that the provider sends it again.
    pub async fn keep(&self, verified: &Verified) -> Result<Kept, StoreError> {
        let kept = self.keep_all(std::slice::from_ref(verified)).await?;
        kept.first().copied().ok_or_else(|| StoreError::new(StoreErrorKind::Unknown))
    }

    /// Keeps the events of one request, all of them or none. Returns what became of each, in order.
    ///
    /// # Errors
    /// When the store is in trouble: answer 503, so that the provider sends all of them again.
    pub async fn keep_all(&self, events: &[Verified]) -> Result<Vec<Kept>, StoreError> {
        let now = self.shared.clock.now();
        let jobs = events.iter().map(|verified| self.job(verified, now)).collect::<Result<Vec<_>, _>>()?;
        let append =
            |job: &NewJob| Append { event: job.event.clone(), deliveries: job.delivery.into_iter().collect(), now };
        let appended = self.shared.store.append(jobs.iter().map(append).collect()).await?;
        if appended.len() != jobs.len() {
            return Err(StoreError::new(StoreErrorKind::Unknown));
        }
        Ok(jobs.into_iter().zip(appended).map(|(job, appended)| self.start(job, appended, now)).collect())
    }

    fn job(&self, verified: &Verified, now: Timestamp) -> Result<NewJob, StoreError> {
        let event_type = event_type(verified.event_type());
        let fits = |served: &&Arc<Served>| served.queue.fits(verified.source(), &event_type);
        let served = self.shared.queues.iter().find(fits);
        let event = Arc::new(event(verified, event_type.clone(), served.map(|served| &**served))?.seal(now));
        let Some(served) = served else { return Ok(NewJob { event, delivery: None, place: None }) };
        let lane = served.name.into();
        // What has to keep its order may have to wait, so it is never born leased.
        let place = match event.order {
            None => self.shared.engine.reserve(lane, &served.terms(), now),
            Some(_) => None,
        };
        let leased_until = place.is_some().then(|| self.shared.engine.lease_end(now));
        let delivery = NewDelivery { id: DeliveryId::generate(now), lane, leased_until };
        Ok(NewJob { event, delivery: Some(delivery), place })
    }

    fn start(&self, job: NewJob, appended: Appended, now: Timestamp) -> Kept {
        if appended != Appended::Stored {
            telemetry::duplicate("inbox");
            return Kept::Duplicate;
        }
        let Some(delivery) = job.delivery else { return Kept::Unwanted };
        match (job.place, delivery.leased_until) {
            (Some(place), Some(until)) => place.hand_over(Leased::first(&delivery, until, now, job.event)),
            _ => self.shared.engine.announce(delivery.lane, now),
        }
        Kept::Stored
    }

    /// Makes events fresh again, by the ids that the provider gives them: when one comes again, it is kept and handled again. What
    /// was stored of it stays. Returns for each id how many events were concerned.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn forget(&self, tenant: &Tenant, source: &str, ids: &[&str]) -> Result<Vec<u64>, StoreError> {
        let groups: Vec<_> = ids.iter().map(|id| group(tenant, source, id)).collect();
        self.shared.store.forget_received(tenant, &groups).await
    }
}

impl Receiver {
    /// The service that keeps one source's events in an inbox: it verifies, stores and answers 202. Event, job and dedup record are
    /// one durable transaction, in the inbox's store; this receiver's own dedup store is not asked. Put it on a route:
    /// `Router::new().route_service("/hooks/stripe", receiver.keep("stripe", &inbox)?)`.
    ///
    /// # Errors
    /// When there is no such source: at start, not at the first request.
    pub fn keep(&self, source: &str, inbox: &Inbox) -> Result<KeepService, UnknownSource> {
        Ok(KeepService::new(self.gate(source)?, inbox.clone()))
    }
}

/// A job in the making.
struct NewJob {
    event: Arc<Event>,
    /// `None` where no queue is for the event.
    delivery: Option<NewDelivery>,
    /// Its place in this process's worker, if there is one.
    place: Option<Reservation>,
}

/// Verifies and keeps the events of one source: made by [`Receiver::keep`](crate::receiver::Receiver::keep). Answers 202 once they
/// are durable, and to events that were kept before; 503 when the store is in trouble.
#[derive(Clone, Debug)]
pub struct KeepService {
    gate: Gate,
    inbox: Inbox,
}

impl KeepService {
    pub(in crate::receiver) const fn new(gate: Gate, inbox: Inbox) -> Self {
        Self { gate, inbox }
    }

    async fn answer<B: Body>(&self, request: Request<B>) -> Response<VerifiedBody> {
        let (events, request) = match self.gate.admit(request).await {
            Ok((Accepted::Event(verified), request)) => (vec![verified], request),
            Ok((Accepted::Batch(events), request)) => (events, request),
            Ok((Accepted::Handshake(reply), _)) => return self.gate.answer(reply).await,
            Err(rejection) => return self.gate.refuse(&rejection),
        };
        match self.inbox.keep_all(&events).await {
            Ok(kept) => {
                let known = !kept.is_empty() && kept.iter().all(|kept| *kept == Kept::Duplicate);
                let answer = FirstAnswer::from(StatusCode::ACCEPTED);
                let answer = if known { duplicate(answer) } else { bare(StatusCode::ACCEPTED) };
                self.gate.acknowledge(answer, request.headers())
            }
            Err(error) => self.gate.refuse(&Rejection::store(error)),
        }
    }
}

impl<B> Service<Request<B>> for KeepService
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<VerifiedBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.answer(request).await) })
    }
}

fn event(verified: &Verified, event_type: EventType, served: Option<&Served>) -> Result<NewEvent, StoreError> {
    let invalid = |error| StoreError::with_source(StoreErrorKind::Invalid, error);
    let payload = verified.body().clone();
    let event =
        NewEvent::raw(event_type.as_str(), "application/octet-stream", payload).map_err(|e| invalid(e.to_string()))?;
    let (id, only_once) = recognised(verified)?;
    let event = event.tenant(verified.tenant().clone()).occurred_at(verified.received_at());
    let event = event.received(origin(verified)).id(id);
    let event = event.replay(only_once.map(|key| *key.as_bytes()));
    let Some(queue) = served.map(|served| &served.queue) else { return Ok(event) };
    let event = match queue.expires_after {
        Some(span) => event.expires_at(verified.received_at() + span),
        None => event,
    };
    match queue.order.as_ref().and_then(|order| order(verified)) {
        Some(key) => event.ordered_by(digest(&key)).map_err(|error| invalid(error.to_string())),
        None => Ok(event),
    }
}

/// A key of any length and alphabet as one that the store keeps.
fn digest(key: &str) -> String {
    hex::encode(Sha256::digest(key))
}

/// How the store recognises an event: by its id, and perhaps by a digest that no second event may have.
///
/// The id begins with the group of the provider's id, so that the event can be found by that, and goes on with what identifies the
/// event. Where that is not the provider's id, a copy may come under another: then the identity is the digest. An event that nothing
/// identifies has an id that no other has.
fn recognised(verified: &Verified) -> Result<(EventId, Option<DedupKey>), StoreError> {
    let keys = verified.dedup_keys();
    let grouped = |group: DedupGroup, identity: DedupKey| {
        let (_, half) = identity.as_bytes().split_at(16);
        format!("evt_{}_{}", hex::encode(group.as_bytes()), hex::encode(half))
    };
    let (text, digest) = match (keys.group(), keys.identity(), keys.replay()) {
        (_, None, replay) => return Ok((EventId::generate(verified.received_at()), replay)),
        (Some(group), Some(identity), replay) if group.begins(&identity) => (grouped(group, identity), replay),
        (Some(group), Some(identity), None) => (grouped(group, identity), Some(identity)),
        // Not found by the provider's id.
        (_, Some(identity), replay) => (format!("evt_{}", hex::encode(identity.as_bytes())), replay),
    };
    let id = EventId::new(text).map_err(|error| StoreError::with_source(StoreErrorKind::Invalid, error))?;
    Ok((id, digest))
}

/// What the provider said beside the payload.
fn origin(verified: &Verified) -> Origin {
    let headers = verified.kept_headers().iter();
    let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    Origin::of(verified.source()).named(verified.event_id(), verified.event_type()).with_headers(headers)
}

/// A provider's type in our alphabet.
fn event_type(text: Option<&str>) -> EventType {
    let Some(text) = text else { return EventType::untyped() };
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') { c } else { '_' };
    let cleaned: String = text.chars().map(plain).take(MAX_TYPE_BYTES).collect();
    let parts: Vec<_> = cleaned.split('.').map(|part| if part.is_empty() { "_" } else { part }).collect();
    EventType::new(parts.join(".")).unwrap_or_else(|_| EventType::untyped())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_type_a_provider_names_is_kept_readable() {
        let kept = |text: Option<&str>| event_type(text).to_string();
        assert_eq!(kept(Some("invoice.paid")), "invoice.paid");
        assert_eq!(kept(Some("customer:created/v2 beta")), "customer_created_v2_beta");
        assert_eq!(kept(Some(".a..b.")), "_.a._.b._");
        assert_eq!(kept(Some(&"é".repeat(200))).len(), 128);
        assert_eq!(kept(Some(&".".repeat(200))), "webhook", "twice as long as may be");
        assert_eq!(kept(None), "webhook");
    }
}
