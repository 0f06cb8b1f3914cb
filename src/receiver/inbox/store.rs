//! Storing events: they are durable before the provider gets its response.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::{Request, Response, StatusCode};
use http_body::Body;
use sha2::{Digest, Sha256};
use tower_service::Service;

use super::deliver::ServedQueue;
use super::setup::Inbox;
use crate::clock::Timestamp;
use crate::delivery::{Leased, NewDelivery};
use crate::event::{Event, EventType, MAX_TYPE_BYTES, NewEvent, Origin};
use crate::id::{EventId, Tenant};
use crate::receiver::event_keys::group;
use crate::receiver::response::{bare, duplicate};
use crate::receiver::{Accepted, Receiver, ReceiverConfigError, Rejection, Verified, VerifiedBody, WebhookService};
use crate::store::{Append, Appended, DedupGroup, DedupKey, FirstResponse, StoreError, StoreErrorKind};
use crate::telemetry;
use crate::worker::Reservation;

/// The result of [`Inbox::store`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InboxResult {
    /// The event is stored and will be handled.
    Stored,
    /// The event was stored before.
    Duplicate,
    /// The event is stored, and matches no queue.
    Unwanted,
}

impl Inbox {
    /// Stores a verified event. When this returns, the event is durable, and the response may be 202. A repeated event is recognised by
    /// its [keys](Verified::dedup_entries), which are stored with it in one transaction. For frameworks without tower; with tower, use
    /// [`Receiver::store`](crate::receiver::Receiver::store).
    ///
    /// # Errors
    /// Returns the store's error. Respond with 503, so that the provider sends the event again.
    pub async fn store(&self, verified: &Verified) -> Result<InboxResult, StoreError> {
        let stored = self.store_all(std::slice::from_ref(verified)).await?;
        stored.first().copied().ok_or_else(|| StoreError::new(StoreErrorKind::Unknown))
    }

    /// Stores the events of one request, all of them or none. Returns a result for each, in order.
    ///
    /// # Errors
    /// Returns the store's error. Respond with 503, so that the provider sends all of them again.
    pub async fn store_all(&self, events: &[Verified]) -> Result<Vec<InboxResult>, StoreError> {
        let now = self.shared.clock.now();
        let jobs = events.iter().map(|verified| self.job(verified, now)).collect::<Result<Vec<_>, _>>()?;
        let append =
            |job: &NewJob| Append { event: job.event.clone(), deliveries: job.delivery.into_iter().collect(), now };
        // This comes before the events are stored, because nothing may delay the response to stored events.
        self.shared.engine.report_absence(now).await;
        let appended = self.shared.store.append(jobs.iter().map(append).collect()).await?;
        if appended.len() != jobs.len() {
            return Err(StoreError::new(StoreErrorKind::Unknown));
        }
        Ok(jobs.into_iter().zip(appended).map(|(job, appended)| self.start(job, appended, now)).collect())
    }

    fn job(&self, verified: &Verified, now: Timestamp) -> Result<NewJob, StoreError> {
        let event_type = event_type(verified.event_type());
        let fits = |served: &&Arc<ServedQueue>| served.queue.fits(verified.source(), &event_type);
        let served = self.shared.queues.iter().find(fits);
        let event = Arc::new(event(verified, event_type.clone(), served.map(|served| &**served))?.seal(now));
        let Some(served) = served else { return Ok(NewJob { event, delivery: None, reservation: None }) };
        let lane = served.name.into();
        // An ordered delivery may have to wait for older ones, so it is not leased when it is appended.
        let reservation = match event.order {
            None => self.shared.engine.reserve(lane, &served.lane_policy(), now),
            Some(_) => None,
        };
        let leased_until = reservation.is_some().then(|| self.shared.engine.lease_end(now));
        let delivery = NewDelivery::new(lane, now).leased_until(leased_until);
        Ok(NewJob { event, delivery: Some(delivery), reservation })
    }

    fn start(&self, job: NewJob, appended: Appended, now: Timestamp) -> InboxResult {
        if appended != Appended::Stored {
            telemetry::duplicate("inbox");
            return InboxResult::Duplicate;
        }
        let Some(delivery) = job.delivery else { return InboxResult::Unwanted };
        match (job.reservation, delivery.leased_until) {
            (Some(reservation), Some(until)) => reservation.hand_over(Leased::first(&delivery, until, now, job.event)),
            _ => self.shared.engine.announce(delivery.lane, now),
        }
        InboxResult::Stored
    }

    /// Forgets events by the provider's ids, so that an event that is sent again is stored and handled again. The stored events are
    /// kept. Returns for each id how many events it matched.
    ///
    /// # Errors
    /// Returns the store's error.
    pub async fn forget(&self, tenant: &Tenant, source: &str, ids: &[&str]) -> Result<Vec<u64>, StoreError> {
        let groups: Vec<_> = ids.iter().map(|id| group(tenant, source, id)).collect();
        self.shared.store.forget_received(tenant, &groups).await
    }
}

impl Receiver {
    /// Returns the service that stores the events of one source in an inbox: it verifies, stores and responds with 202. Event, job and
    /// dedup record are one durable transaction in the inbox's store; the dedup store of this receiver is not used. As a route:
    /// `Router::new().route_service("/hooks/stripe", receiver.store("stripe", &inbox)?)`.
    ///
    /// # Errors
    /// Returns [`ReceiverConfigError::UnknownSource`] if the receiver has no source of this name.
    pub fn store(&self, source: &str, inbox: &Inbox) -> Result<WebhookService<Inbox>, ReceiverConfigError> {
        Ok(WebhookService { inner: inbox.clone(), gate: self.gate(source)? })
    }
}

/// A job that is about to be stored.
struct NewJob {
    event: Arc<Event>,
    /// `None` if the event matches no queue.
    delivery: Option<NewDelivery>,
    /// The reserved room for the job in this process's worker; `None` if there is no room.
    reservation: Option<Reservation>,
}

impl WebhookService<Inbox> {
    async fn answer<B: Body>(&self, request: Request<B>) -> Response<VerifiedBody> {
        let (events, request) = match self.gate.admit_or_headers(request).await {
            Ok((Accepted::Event(verified), request)) => (vec![verified], request),
            Ok((Accepted::Batch(events), request)) => (events, request),
            Ok((Accepted::Handshake(reply), _)) => return self.gate.answer(reply).await,
            Err((rejection, headers)) => {
                let response = self.gate.reject(&rejection);
                let rejected = (&rejection, response.status().as_u16());
                self.inner.note_rejected(self.gate.source_name(), rejected, &headers).await;
                return response;
            }
        };
        match self.inner.store_all(&events).await {
            Ok(stored) => {
                let known = !stored.is_empty() && stored.iter().all(|stored| *stored == InboxResult::Duplicate);
                let answer = FirstResponse::from(StatusCode::ACCEPTED);
                let answer = if known { duplicate(answer) } else { bare(StatusCode::ACCEPTED) };
                self.gate.acknowledge(answer, request.headers())
            }
            Err(error) => self.gate.reject(&Rejection::store(error)),
        }
    }
}

/// Verifies and stores the events of one source: what [`Receiver::store`] returns. The response is 202 if the events are durable or were
/// stored before, and 503 if the store fails.
impl<B> Service<Request<B>> for WebhookService<Inbox>
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

fn event(verified: &Verified, event_type: EventType, served: Option<&ServedQueue>) -> Result<NewEvent, StoreError> {
    let invalid = |error| StoreError::with_source(StoreErrorKind::Invalid, error);
    let payload = verified.body().clone();
    let event =
        NewEvent::raw(event_type.as_str(), "application/octet-stream", payload).map_err(|e| invalid(e.to_string()))?;
    let (id, only_once) = id_and_digest(verified)?;
    let event = event.tenant(verified.tenant().clone()).occurred_at(verified.received_at());
    let event = event.received(origin(verified)).id(id);
    let event = event.replay_digest(only_once.map(|key| *key.as_bytes()));
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

/// An ordering key of any length and alphabet, in the form that a store keeps.
fn digest(key: &str) -> String {
    hex::encode(Sha256::digest(key))
}

/// How the store recognises a repeated event: by its id, and in some cases by a digest that is unique as well.
///
/// The id begins with the group of the provider's id, so that the event can be found by it, and ends with the identity. If the
/// identity is not made of the provider's id, a copy may have another id; then the identity is the digest. An event without an
/// identity gets a generated id.
fn id_and_digest(verified: &Verified) -> Result<(EventId, Option<DedupKey>), StoreError> {
    let keys = verified.dedup_keys();
    let grouped = |group: DedupGroup, identity: DedupKey| {
        let (_, half) = identity.as_bytes().split_at(16);
        format!("evt_{}_{}", hex::encode(group.as_bytes()), hex::encode(half))
    };
    let (text, digest) = match (keys.group, keys.identity, keys.replay) {
        (_, None, replay) => return Ok((EventId::generate(verified.received_at()), replay)),
        (Some(group), Some(identity), replay) if group.begins(&identity) => (grouped(group, identity), replay),
        (Some(group), Some(identity), None) => (grouped(group, identity), Some(identity)),
        // Such an event cannot be found by the provider's id.
        (_, Some(identity), replay) => (format!("evt_{}", hex::encode(identity.as_bytes())), replay),
    };
    let id = EventId::new(text).map_err(|error| StoreError::with_source(StoreErrorKind::Invalid, error))?;
    Ok((id, digest))
}

/// What the provider sent in addition to the payload.
fn origin(verified: &Verified) -> Origin {
    let headers = verified.kept_headers().iter();
    let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    Origin::new(verified.source()).with_event(verified.event_id(), verified.event_type()).with_headers(headers)
}

/// A provider's event type in the alphabet of [`EventType`].
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
    fn any_type_of_a_provider_becomes_a_valid_type() {
        let stored = |text: Option<&str>| event_type(text).to_string();
        assert_eq!(stored(Some("invoice.paid")), "invoice.paid");
        assert_eq!(stored(Some("customer:created/v2 beta")), "customer_created_v2_beta");
        assert_eq!(stored(Some(".a..b.")), "_.a._.b._");
        assert_eq!(stored(Some(&"é".repeat(200))).len(), 128);
        assert_eq!(stored(Some(&".".repeat(200))), "webhook", "twice as long as may be");
        assert_eq!(stored(None), "webhook");
    }
}
