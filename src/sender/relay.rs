//! Events that others have committed into the store's database become events with deliveries.

use std::sync::Arc;

use super::dispatch::DispatchError;
use super::fan_out::FanOut;
use crate::event::NewEvent;
use crate::id::LaneId;
use crate::store::{Admit, Admitted, Append, Staged, Store, StoreError, StoreErrorKind};

/// Rows taken in by one transaction.
const BATCH: u32 = 256;

/// After a batch of so many bytes there may be more.
const LONG_BATCH: usize = 4 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Relay {
    pub(super) store: Arc<dyn Store>,
    pub(super) fan_out: FanOut,
}

impl Relay {
    /// Takes in a batch of what is staged. Answers the lanes that have work now, and whether there may be more.
    pub(super) async fn run(&self) -> Result<(Vec<LaneId>, bool), StoreError> {
        let staged = self.store.staged(BATCH, self.fan_out.limits.payload_bytes).await?;
        if staged.is_empty() {
            return Ok((Vec::new(), false));
        }
        // Of long rows a batch has fewer.
        let bytes: usize =
            staged.iter().filter_map(|row| row.event.as_ref().ok()).map(|event| event.parts().data.len()).sum();
        let full = staged.len() >= BATCH as usize || bytes >= LONG_BATCH;
        let mut batch = Vec::with_capacity(staged.len());
        for row in staged {
            batch.push(self.judge(row).await?);
        }
        match self.store.admit(batch.clone()).await {
            Ok(admitted) => Ok((lanes(batch, &admitted), full)),
            Err(error) if is_of_a_row(&error) => Ok((self.admit_singly(batch).await?, full)),
            Err(error) => Err(error),
        }
    }

    /// One of them cannot be stored: it is refused with the reason, and the others are taken in.
    async fn admit_singly(&self, batch: Vec<Admit>) -> Result<Vec<LaneId>, StoreError> {
        let mut due = Vec::new();
        for one in batch {
            match self.store.admit(vec![one.clone()]).await {
                Ok(admitted) => due.extend(lanes(vec![one], &admitted)),
                Err(error) if is_of_a_row(&error) && one.verdict.is_ok() => {
                    let why = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
                    tracing::warn!(row = one.row, %why, "a staged event cannot be stored; its row is kept with the reason");
                    self.store.admit(vec![Admit { row: one.row, verdict: Err(why) }]).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(due)
    }

    async fn judge(&self, staged: Staged) -> Result<Admit, StoreError> {
        let Staged { row, event, written_at } = staged;
        let now = self.fan_out.clock.now();
        let dated = |event: NewEvent| match written_at {
            Some(at) => event.noted_at(at),
            None => event,
        };
        let verdict = match event.map(dated) {
            Ok(event) => match self.fan_out.accept(event, now) {
                Ok(event) => match self.fan_out.append(event, now).await {
                    Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                        Err(format!("endpoints of the tenant: {error}"))
                    }
                    appended => Ok(appended?),
                },
                Err(DispatchError::Store(error)) => return Err(error),
                Err(error) => Err(error.to_string()),
            },
            Err(why) => Err(why),
        };
        if let Err(why) = &verdict {
            tracing::warn!(row, %why, "a staged event cannot be dispatched; its row is kept with the reason");
        }
        Ok(Admit { row, verdict })
    }
}

/// Whether it is because of what a row says.
fn is_of_a_row(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::Invalid | StoreErrorKind::Corrupt)
}

/// The lanes of what was taken in.
fn lanes(batch: Vec<Admit>, admitted: &[Admitted]) -> Vec<LaneId> {
    let taken = batch.into_iter().zip(admitted).filter(|(_, admitted)| **admitted == Admitted::Taken);
    let appends = taken.filter_map(|(admit, _)| admit.verdict.ok());
    let mut lanes: Vec<_> =
        appends.flat_map(|Append { deliveries, .. }| deliveries.into_iter().map(|one| one.lane)).collect();
    lanes.sort_unstable();
    lanes.dedup();
    lanes
}
