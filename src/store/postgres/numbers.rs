//! Numbers of events, reserved in blocks.

use std::sync::{Mutex, PoisonError};

/// The number of numbers in a block, as in the migration.
const BLOCK: u64 = 4_096;

/// Numbers of events that are unique among all processes.
#[derive(Debug, Default)]
pub(super) struct Numbers(Mutex<(u64, u64)>);

impl Numbers {
    /// Takes numbers until there are `count`, or until the block is used up.
    pub(super) fn take_up_to(&self, count: usize, taken: &mut Vec<u64>) {
        let mut block = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while taken.len() < count && block.0 < block.1 {
            taken.push(block.0);
            block.0 += 1;
        }
    }

    /// Starts a new block. Another group may have started one meanwhile; the rest of that block is never used.
    pub(super) fn refill(&self, first: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (first, first + BLOCK);
    }
}
