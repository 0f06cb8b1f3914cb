//! The relay: turns events that other clients have written into the store's database into events with deliveries.

use std::sync::Arc;

use super::error::DispatchError;
use super::fan_out::FanOut;
use crate::event::NewEvent;
use crate::id::LaneId;
use crate::store::{Append, Import, ImportResult, StagedRow, Store, StoreError, StoreErrorKind};

/// The number of rows that one transaction imports.
const BATCH: u32 = 256;

/// A batch with at least this number of bytes ended early, so more rows may wait.
const LONG_BATCH: usize = 4 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Relay {
    pub(super) store: Arc<dyn Store>,
    pub(super) fan_out: FanOut,
}

impl Relay {
    /// Imports a batch of staged rows. Returns the lanes that have work now, and whether more rows may wait.
    pub(super) async fn run(&self) -> Result<(Vec<LaneId>, bool), StoreError> {
        let staged = self.store.staged(BATCH, self.fan_out.quotas.payload_bytes).await?;
        if staged.is_empty() {
            return Ok((Vec::new(), false));
        }
        // The store stops a batch early when its rows are long.
        let bytes: usize =
            staged.iter().filter_map(|row| row.event.as_ref().ok()).map(|event| event.data.bytes().len()).sum();
        let full = staged.len() >= BATCH as usize || bytes >= LONG_BATCH;
        let mut batch = Vec::with_capacity(staged.len());
        for row in staged {
            batch.push(self.prepare_import(row).await?);
        }
        match self.store.import(batch.clone()).await {
            Ok(imported) => Ok((lanes(batch, &imported), full)),
            Err(error) if is_caused_by_row(&error) => Ok((self.import_singly(batch).await?, full)),
            Err(error) => Err(error),
        }
    }

    /// Imports the rows one by one, because one of them cannot be stored. This row is refused with the reason.
    async fn import_singly(&self, batch: Vec<Import>) -> Result<Vec<LaneId>, StoreError> {
        let mut due = Vec::new();
        for one in batch {
            match self.store.import(vec![one.clone()]).await {
                Ok(imported) => due.extend(lanes(vec![one], &imported)),
                Err(error) if is_caused_by_row(&error) && one.verdict.is_ok() => {
                    let why = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
                    tracing::warn!(row = one.row, %why, "a staged event cannot be stored; its row is kept with the reason in its column error");
                    self.store.import(vec![Import { row: one.row, verdict: Err(why) }]).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(due)
    }

    async fn prepare_import(&self, staged: StagedRow) -> Result<Import, StoreError> {
        let StagedRow { row, event, written_at } = staged;
        let now = self.fan_out.clock.now();
        let dated = |event: NewEvent| match written_at {
            Some(at) => event.recorded_at(at),
            None => event,
        };
        let verdict = match event.map(dated) {
            Ok(event) => match self.fan_out.accept(event, now) {
                Ok(event) => match self.fan_out.append(event, now).await {
                    Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                        Err(format!("endpoints of the tenant: cannot be read ({error}); repair them"))
                    }
                    appended => Ok(appended?),
                },
                Err(DispatchError::Store(error)) => return Err(error),
                Err(error) => Err(error.to_string()),
            },
            Err(why) => Err(why),
        };
        if let Err(why) = &verdict {
            tracing::warn!(row, %why, "a staged event cannot be dispatched; its row is kept with the reason in its column error");
        }
        Ok(Import { row, verdict })
    }
}

/// Whether the content of a row caused the error.
fn is_caused_by_row(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::Invalid | StoreErrorKind::Corrupt)
}

/// The lanes of the imported deliveries.
fn lanes(batch: Vec<Import>, imported: &[ImportResult]) -> Vec<LaneId> {
    let taken = batch.into_iter().zip(imported).filter(|(_, imported)| **imported == ImportResult::Taken);
    let appends = taken.filter_map(|(admit, _)| admit.verdict.ok());
    let mut lanes: Vec<_> =
        appends.flat_map(|Append { deliveries, .. }| deliveries.into_iter().map(|one| one.lane)).collect();
    lanes.sort_unstable();
    lanes.dedup();
    lanes
}
