//! Calls [`Deliver::maintain`](super::Deliver::maintain): often while there is work, and less and less often while there is none.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::backoff::next_delay;
use super::deliver::Maintenance;
use super::engine::Engine;
use crate::id::LaneId;
use crate::store::{ChangeListener, StoreError};

/// A worker that has found nothing for some time waits this part of that time before it looks again.
const PART: u32 = 8;

/// While other processes can report their work, the worker polls this number of times less often.
const CONNECTED: u32 = 2;

/// Since when there has been nothing to do, and what ends that.
struct Quiet {
    /// The time of the clock that never goes back.
    since: Duration,
    changes: ChangeListener,
    writes: ChangeListener,
}

impl Engine {
    /// Calls [`Deliver::maintain`](super::Deliver::maintain) when woken, and as often as [`Config::outbox_poll`](super::Config::outbox_poll)
    /// says. Returns only if the store fails permanently.
    pub(super) async fn maintain_forever(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut quiet =
            Quiet { since: self.clock.uptime(), changes: self.store.changes(), writes: self.store.writes() };
        let mut delay = None;
        loop {
            match self.deliver.maintain().await {
                Ok(Maintenance { due, more }) => {
                    delay = None;
                    self.announce_all(&due);
                    if more || !due.is_empty() {
                        quiet.since = self.clock.uptime();
                    }
                    if !more {
                        self.note_maintained();
                        self.wait_for_maintenance(self.pause(&quiet), &mut quiet).await;
                    }
                }
                Err(error) if error.is_retryable() => {
                    tracing::warn!(%error, "maintenance failed; the worker retries it");
                    let wait = next_delay(delay);
                    delay = Some(wait);
                    let _woken_or_time = timeout(wait, self.maintain.notified()).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn announce_all(&self, lanes: &[LaneId]) {
        let now = self.clock.now();
        for lane in lanes {
            self.announce(*lane, now);
        }
    }

    /// The time until the next round.
    fn pause(&self, quiet: &Quiet) -> Duration {
        let rarer = if quiet.changes.is_connected() { CONNECTED } else { 1 };
        let longest = self.config.poll.saturating_mul(rarer);
        (self.clock.uptime().saturating_sub(quiet.since) / PART).min(longest).max(self.config.outbox_poll)
    }

    /// Waits until this time has passed or a caller wakes this worker. If something happens meanwhile, the wait is short from then on.
    /// Work of this process, and rows that any process is about to commit, end the quiet time; a report of another process's work only
    /// shortens the wait, so that a hundred idle processes beside a busy one stay quiet.
    async fn wait_for_maintenance(&self, wait: Duration, quiet: &mut Quiet) {
        let is_busy = tokio::select! {
            biased;
            () = self.maintain.notified() => return,
            () = sleep(wait) => return,
            () = self.settled.notified() => true,
            () = quiet.writes.next() => true,
            () = quiet.changes.next() => false,
        };
        if is_busy {
            quiet.since = self.clock.uptime();
        }
        let soon = wait.min(self.config.outbox_poll);
        let _woken_or_time = timeout(soon, self.maintain.notified()).await;
    }
}
