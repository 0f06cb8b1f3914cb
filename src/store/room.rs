//! How much payload may wait in a store's queue.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// In KiB: bounds the memory of the queue and the size of a transaction.
const KIB: usize = 64 * 1024;

/// Room for payload that waits. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(KIB)))
    }
}

impl Room {
    /// Waits until what is queued leaves room for so many bytes, and holds it; a call larger than all the room waits for all of it.
    pub(super) async fn hold(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let kib = u32::try_from(bytes.div_ceil(1_024).min(KIB)).unwrap_or(0);
        if kib == 0 {
            return None;
        }
        // It is never closed.
        Arc::clone(&self.0).acquire_many_owned(kib).await.ok()
    }
}
