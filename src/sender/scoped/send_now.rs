//! Sends pending deliveries now, not at the time of their next attempt.

use super::super::error::DeliveryError;
use super::Scoped;
use super::audit::{AuditedChange, counted};
use crate::delivery::{Delivery, DeliveryState};
use crate::id::Work;

impl Scoped {
    /// Makes pending deliveries due now, also those that wait for their next attempt; their attempts are counted from zero. Returns the
    /// number of these deliveries. If an attempt is running, its outcome is ignored, and the endpoint may get the event twice.
    ///
    /// # Errors
    /// Returns [`DeliveryError::ReadOnly`] if the caller may only read, and [`DeliveryError::Store`] if the store fails. After such a
    /// failure some of the deliveries may be cancelled; they can be resent.
    pub(crate) async fn send_now(&self, deliveries: &[Delivery]) -> Result<usize, DeliveryError> {
        self.writable(DeliveryError::ReadOnly)?;
        let waits = |one: &&Delivery| one.state == DeliveryState::Pending && self.scope.covers(&one.tenant);
        let waiting: Vec<_> = deliveries.iter().filter(waits).cloned().collect();
        let Some(first) = waiting.first() else { return Ok(0) };
        let tenant = first.tenant.clone();
        let change = match waiting.len() {
            1 => AuditedChange::new("delivery.send_now", &tenant, first.id).detail(first.event.as_str()),
            _ => AuditedChange::new("delivery.send_now", &tenant, first.lane).detail(counted(waiting.len())),
        };
        self.audited(change, self.cancel_and_resend(waiting)).await
    }

    async fn cancel_and_resend(&self, waiting: Vec<Delivery>) -> Result<usize, DeliveryError> {
        let ids = waiting.iter().map(|delivery| delivery.id).collect();
        let cancelled = self.sender.shared.store.cancel(Work::Sent, ids, self.now()).await?;
        let stopped =
            waiting.into_iter().zip(cancelled).filter_map(|(delivery, cancelled)| cancelled.then_some(delivery));
        Ok(self.sender.resend_read(&stopped.collect::<Vec<_>>()).await?.len())
    }
}
