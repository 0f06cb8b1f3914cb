//! Numbers of events, brought in blocks.

use std::sync::{Mutex, PoisonError};

use super::error::Trouble;
use super::rows::fence;
use super::session::Db;
use crate::store::StoreError;

/// How many numbers one call brings; as the migration says.
const BLOCK: u64 = 4_096;

/// Numbers of events that nobody else has.
#[derive(Debug, Default)]
pub(super) struct Numbers(Mutex<(u64, u64)>);

impl Numbers {
    pub(super) async fn take(&self, db: &Db, count: usize) -> Result<Vec<u64>, StoreError> {
        let mut taken = Vec::with_capacity(count);
        self.take_up_to(count, &mut taken);
        while taken.len() < count {
            let rows = db.query("SELECT nextval('hookwire.number') AS number", &[]).await?;
            let first = rows.first().map(|row| fence(row, "number")).transpose().map_err(Trouble::into_store_error)?;
            let first = first.unwrap_or_default();
            // Another group may have brought a block meanwhile; what is left of that one is never used.
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (first, first + BLOCK);
            self.take_up_to(count, &mut taken);
        }
        Ok(taken)
    }

    fn take_up_to(&self, count: usize, taken: &mut Vec<u64>) {
        let mut block = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while taken.len() < count && block.0 < block.1 {
            taken.push(block.0);
            block.0 += 1;
        }
    }
}
