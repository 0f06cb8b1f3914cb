//! Makes the changes of a batch.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use uuid::Builder;

use super::plan::{Action, Batch, Plan, Progress};
use crate::clock::Timestamp;
use crate::delivery::Attempt;
use crate::endpoint::Endpoint;
use crate::event::Event;
use crate::id::{DeliveryId, EventId, Work};
use crate::sender::error::EndpointError;
use crate::store::{AddDelivery, Append, Store, StoreError};

/// The job that a batch belongs to. The ids of new deliveries and copies are computed from its salt, so that a repeat makes the same ones.
#[derive(Clone, Copy, Debug)]
pub(in crate::sender) struct OfJob<'a> {
    /// A random text of the job.
    pub(in crate::sender) salt: &'a str,
    /// When a worker first began the batch.
    pub(in crate::sender) began: Timestamp,
    /// Whether a worker may have made a part of the changes before.
    pub(in crate::sender) is_repeated: bool,
}

/// Makes the changes of a batch.
#[derive(Clone, Copy, Debug)]
pub(in crate::sender) struct Changer<'a> {
    pub(in crate::sender) store: &'a dyn Store,
    pub(in crate::sender) plan: &'a Plan,
    /// The endpoint of a replay.
    pub(in crate::sender) endpoint: Option<&'a Endpoint>,
    pub(in crate::sender) now: Timestamp,
    pub(in crate::sender) job: Option<OfJob<'a>>,
}

impl Changer<'_> {
    /// Makes the changes, and returns their number. If the batch is repeated, the number includes the changes that were made before.
    pub(in crate::sender) async fn change(&self, batch: &Batch, progress: &Progress) -> Result<usize, EndpointError> {
        let changed = self.change_deliveries(batch, progress).await? + self.add_deliveries(batch, progress).await?;
        Ok(if self.is_repeated() { batch.len() } else { changed })
    }

    fn is_repeated(&self) -> bool {
        self.job.is_some_and(|job| job.is_repeated)
    }

    async fn change_deliveries(&self, batch: &Batch, progress: &Progress) -> Result<usize, StoreError> {
        if batch.deliveries.is_empty() {
            return Ok(0);
        }
        let changed = match self.plan.action {
            Action::Cancel => self.store.cancel(Work::Sent, batch.deliveries.clone(), self.now).await?,
            _ => {
                let left = self.not_resent(&batch.deliveries).await?;
                self.store.resend(Work::Sent, left.into_iter().zip(self.plan.due(progress, self.now)).collect()).await?
            }
        };
        Ok(changed.into_iter().filter(|changed| *changed).count())
    }

    /// The deliveries that this batch has not resent yet. A delivery that was resent has a later attempt, or is pending; the store refuses
    /// to resend a pending one.
    async fn not_resent(&self, ids: &[DeliveryId]) -> Result<Vec<DeliveryId>, StoreError> {
        let Some(job) = self.job.filter(|job| job.is_repeated) else { return Ok(ids.to_vec()) };
        let attempts = self.store.attempts(Work::Sent, ids).await?;
        let was_not_attempted = |attempts: &[Attempt]| attempts.last().is_none_or(|last| last.at < job.began);
        Ok(ids.iter().zip(attempts).filter(|(_, attempts)| was_not_attempted(attempts)).map(|(id, _)| *id).collect())
    }

    /// Makes deliveries for stored events.
    async fn add_deliveries(&self, batch: &Batch, progress: &Progress) -> Result<usize, EndpointError> {
        if batch.events.is_empty() {
            return Ok(0);
        }
        let endpoint = self.endpoint.ok_or(EndpointError::NotFound)?;
        let mut new = Vec::with_capacity(batch.events.len());
        for (event, due) in self.ids(endpoint, &batch.events).await?.into_iter().zip(self.plan.due(progress, self.now))
        {
            let delivery = self.delivery_id(&event);
            if self.is_repeated() && self.store.delivery(Work::Sent, delivery).await?.is_some() {
                continue;
            }
            let (tenant, lane, now) = (endpoint.tenant.clone(), endpoint.id.into(), self.now);
            new.push(AddDelivery { tenant, event, delivery, lane, due, now });
        }
        let added = self.store.add_deliveries(new).await?;
        Ok(added.into_iter().filter(|added| *added).count())
    }

    fn delivery_id(&self, event: &EventId) -> DeliveryId {
        let Some(job) = self.job else { return DeliveryId::generate(self.now) };
        let millis = u64::try_from(job.began.as_millis()).unwrap_or_default();
        let id = Builder::from_unix_timestamp_millis(millis, &digest(b"delivery", job.salt, event)).into_uuid();
        DeliveryId::from_bytes(id.into_bytes())
    }

    /// The ids of the events, or the ids of copies under new ids. The copies are stored in one transaction.
    async fn ids(&self, endpoint: &Endpoint, events: &[EventId]) -> Result<Vec<EventId>, StoreError> {
        if !matches!(self.plan.action, Action::Replay { fresh_ids: true, .. }) {
            return Ok(events.to_vec());
        }
        let mut copies = Vec::with_capacity(events.len());
        for event in events {
            let original = self.store.event(Work::Sent, &endpoint.tenant, event).await?;
            // Between two tries the payload may have been expunged or dropped.
            if let Some(original) = original.filter(|original| !self.is_repeated() || !original.payload.is_empty()) {
                copies.push(Append { event: Arc::new(self.copy(&original)), deliveries: Vec::new(), now: self.now });
            }
        }
        let ids = copies.iter().map(|copy| copy.event.id.clone()).collect();
        // A copy that exists was stored by the worker that began this batch.
        self.store.append(copies).await?;
        Ok(ids)
    }

    fn copy(&self, original: &Event) -> Event {
        let mut copy = original.with_new_id(self.now);
        if let Some(job) = self.job {
            let id = format!("evt_{}", hex::encode(digest::<16>(b"event", job.salt, &original.id)));
            // These characters are valid, so the random id is never kept.
            copy.id = EventId::new(id).unwrap_or(copy.id);
        }
        copy
    }
}

/// Derives bytes from the kind, the salt and the event. Equal parts give equal bytes, and nobody can choose them without the salt. A zero
/// byte ends each part, and no part contains one, so different parts give different bytes.
fn digest<const LENGTH: usize>(kind: &[u8], salt: &str, event: &EventId) -> [u8; LENGTH] {
    let mut hash = Sha256::new_with_prefix(b"hookwire bulk job\0");
    for part in [kind, salt.as_bytes(), event.as_str().as_bytes()] {
        hash.update(part);
        hash.update([0]);
    }
    let digest = hash.finalize();
    std::array::from_fn(|index| digest.get(index).copied().unwrap_or_default())
}
