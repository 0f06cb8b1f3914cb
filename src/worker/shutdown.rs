//! The stages of a shutdown.

use tokio_util::sync::CancellationToken;

use crate::store::StoreError;

/// The progress of a shutdown: requested, then out of time. Each part of a worker ends at its own stage.
#[derive(Debug, Default)]
pub(super) struct Shutdown {
    requested: CancellationToken,
    out_of_time: CancellationToken,
}

impl Shutdown {
    /// Requests the shutdown: nothing more is claimed or started.
    pub(super) fn request(&self) {
        self.requested.cancel();
    }

    pub(super) fn is_requested(&self) -> bool {
        self.requested.is_cancelled()
    }

    /// Ends the grace: attempts in flight and calls of the store are cut off.
    pub(super) fn end_grace(&self) {
        self.out_of_time.cancel();
    }

    /// Runs `run` until the shutdown is requested. Returns `None` if it was cut off.
    pub(super) async fn until_requested<T>(&self, run: impl Future<Output = T>) -> Option<T> {
        self.requested.run_until_cancelled(run).await
    }

    /// Runs `run` until the grace has ended. Returns `None` if it was cut off.
    pub(super) async fn until_out_of_time<T>(&self, run: impl Future<Output = T>) -> Option<T> {
        self.out_of_time.run_until_cancelled(run).await
    }

    /// Calls the store until the grace has ended. A call that is cut off counts as done.
    pub(super) async fn call_store(
        &self,
        call: impl Future<Output = Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        self.until_out_of_time(call).await.unwrap_or(Ok(()))
    }
}
