//! Calls [`Deliver::work_off`](super::Deliver::work_off).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::deliver::Maintenance;
use super::engine::Engine;

/// How often a worker looks for jobs that other processes have added, or were working on.
const POLL: Duration = Duration::from_secs(5);

impl Engine {
    /// Works off jobs. A store that fails delays the jobs, but does not stop the worker.
    pub(super) async fn work_off_forever(self: &Arc<Self>) -> Infallible {
        loop {
            let has_more = match self.deliver.work_off().await {
                Ok(Maintenance { due, more }) => {
                    self.announce_all(&due);
                    more
                }
                Err(error) => {
                    tracing::warn!(%error, "working off jobs failed; the worker retries it");
                    false
                }
            };
            if has_more {
                // Another part of the worker may run between two pages.
                tokio::task::yield_now().await;
            } else {
                self.note_worked_off();
                let _woken_or_time = timeout(POLL, self.jobs.notified()).await;
            }
        }
    }
}
