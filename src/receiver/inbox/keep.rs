//! Keeping an event: durable before it is answered.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::{Request, Response, StatusCode};
use sha2::{Digest, Sha256};
use tower_service::Service;

use super::Inbox;
use super::deliver::Served;
use crate::delivery::NewDelivery;
use crate::event::{EventType, MAX_TYPE_BYTES, NewEvent, Origin};
use crate::id::{DeliveryId, EventId};
use crate::receiver::{Verified, VerifiedBody};
use crate::store::{Append, Appended, StoreError, StoreErrorKind};

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
    /// Keeps a verified event: when this returns, it is durable, and the provider may be told so (202). For frameworks
    /// without tower; with it, see [`service`](Self::service).
    ///
    /// # Errors
    /// When the store is in trouble: answer 503, so that the provider sends it again.
    pub async fn keep(&self, verified: &Verified) -> Result<Kept, StoreError> {
        let now = self.shared.clock.now();
        let event_type = event_type(verified.event_type());
        let fits = |served: &&Arc<Served>| served.queue.fits(verified.source(), &event_type);
        let served = self.shared.queues.iter().find(fits);
        let event = event(verified, event_type.clone(), served.map(|served| &**served))?;
        let deliver = |served: &Arc<Served>| NewDelivery {
            id: DeliveryId::generate(now),
            lane: served.name.into(),
            leased_until: None,
        };
        let deliveries = served.map(deliver).into_iter().collect();
        let append = Append { event: Arc::new(event.seal(now)), deliveries, now };
        match self.shared.store.append(vec![append]).await?.first() {
            Some(Appended::Stored) => {}
            // The id is made of the dedup key, so another payload under it is the provider's second thought.
            Some(_) => return Ok(Kept::Duplicate),
            None => return Err(StoreError::new(StoreErrorKind::Unknown)),
        }
        let Some(served) = served else { return Ok(Kept::Unwanted) };
        self.shared.engine.announce(served.name.into(), now);
        Ok(Kept::Stored)
    }

    /// The innermost service behind a [`WebhookLayer`](crate::receiver::WebhookLayer): keeps what was verified and answers 202;
    /// 503 when the store is in trouble. Anything that was not verified is a 500: the layer is missing.
    #[must_use]
    pub fn service(&self) -> KeepService {
        KeepService { inbox: self.clone() }
    }
}

/// Keeps verified events; from [`Inbox::service`].
#[derive(Clone, Debug)]
pub struct KeepService {
    inbox: Inbox,
}

impl<B> Service<Request<B>> for KeepService {
    type Response = Response<VerifiedBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let (inbox, verified) = (self.inbox.clone(), request.extensions_mut().remove::<Verified>());
        Box::pin(async move {
            let status = match verified {
                Some(verified) => inbox.status(&verified).await,
                None => StatusCode::INTERNAL_SERVER_ERROR,
            };
            let mut response = Response::new(VerifiedBody::default());
            *response.status_mut() = status;
            Ok(response)
        })
    }
}

impl Inbox {
    async fn status(&self, verified: &Verified) -> StatusCode {
        match self.keep(verified).await {
            Ok(_) => StatusCode::ACCEPTED,
            Err(error) => {
                tracing::error!(%error, "an event could not be kept; its sender is asked to try again");
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }
}

fn event(verified: &Verified, event_type: EventType, served: Option<&Served>) -> Result<NewEvent, StoreError> {
    let invalid = |error| StoreError::with_source(StoreErrorKind::Invalid, error);
    let payload = verified.body().clone();
    let event =
        NewEvent::raw(event_type.as_str(), "application/octet-stream", payload).map_err(|e| invalid(e.to_string()))?;
    let event = event.tenant(verified.tenant().clone()).occurred_at(verified.received_at());
    let event = event.received(origin(verified)).id(id(verified)?);
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

/// The id in the store. It is made of what identifies the event to the receiver, so that the store keeps it once; it tells
/// nothing of the provider's id, which is in the [`Origin`].
fn id(verified: &Verified) -> Result<EventId, StoreError> {
    let unique: Vec<u8> = match verified.dedup_keys().identity() {
        Some(key) => key.as_bytes().iter().take(16).copied().collect(),
        // Every request is handled: no two are kept under one id.
        None => DeliveryId::generate(verified.received_at()).as_bytes().to_vec(),
    };
    let id = format!("evt_{}", hex::encode(unique));
    EventId::new(id).map_err(|error| StoreError::with_source(StoreErrorKind::Invalid, error))
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
