//! The limit of payload bytes that may wait in a store's queue.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The limit in KiB. It bounds the memory of the queue and the size of a transaction.
const KIB: usize = 64 * 1024;

/// A budget of payload bytes. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct ByteBudget(Arc<Semaphore>);

impl Default for ByteBudget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(KIB)))
    }
}

impl ByteBudget {
    /// Waits until the budget has this many bytes left, and takes them; a call larger than the complete budget takes all of it.
    pub(super) async fn acquire(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let kib = u32::try_from(bytes.div_ceil(1_024).min(KIB)).unwrap_or(0);
        if kib == 0 {
            return None;
        }
        // The semaphore is never closed.
        Arc::clone(&self.0).acquire_many_owned(kib).await.ok()
    }
}
