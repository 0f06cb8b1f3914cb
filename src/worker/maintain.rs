//! Calls [`Deliver::maintain`](super::Deliver::maintain): often while there is work, and ever less often while there is none.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

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
    since: Instant,
    changes: ChangeListener,
    writes: ChangeListener,
}

impl Engine {
    /// Calls [`Deliver::maintain`](super::Deliver::maintain) when woken, and as often as [`Config::outbox_poll`](super::Config::outbox_poll)
    /// says. Returns only if the store fails permanently.
    pub(super) async fn maintain_forever(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut quiet = Quiet { since: Instant::now(), changes: self.store.changes(), writes: self.store.writes() };
        let mut delay = None;
        loop {
            let wait = match self.deliver.maintain().await {
                Ok(Maintenance { due, more }) => {
                    delay = None;
                    self.announce_all(&due);
                    if more || !due.is_empty() {
                        quiet.since = Instant::now();
                    }
                    if !more {
                        self.note_maintained();
                    }
                    if more { Duration::ZERO } else { self.pause(&quiet) }
                }
                Err(error) if error.is_retryable() => {
                    tracing::warn!(%error, "maintenance failed; the worker retries it");
                    let wait = next_delay(delay);
                    delay = Some(wait);
                    wait
                }
                Err(error) => return Err(error),
            };
            self.wait_for_maintenance(wait, &mut quiet).await;
        }
    }

    fn announce_all(&self, lanes: &[LaneId]) {
        let now = self.clock.now();
        for lane in lanes {
            self.announce(*lane, now);
        }
    }

    /// The time until the next round.
    fn pause(&self, quiet: &Quiet) -> Duration {
        let rarer = if quiet.changes.is_connected() { CONNECTED } else { 1 };
        let longest = self.config.poll.saturating_mul(rarer);
        (quiet.since.elapsed() / PART).min(longest).max(self.config.outbox_poll)
    }

    /// Waits until this time has passed or a caller wakes this worker. If something happens meanwhile, the wait is short from then on.
    async fn wait_for_maintenance(&self, wait: Duration, quiet: &mut Quiet) {
        tokio::select! {
            biased;
            () = self.maintain.notified() => return,
            () = sleep(wait) => return,
            () = self.settled.notified() => {}
            () = quiet.changes.next() => {}
            () = quiet.writes.next() => {}
        }
        quiet.since = Instant::now();
        let soon = wait.min(self.config.outbox_poll);
        let _woken_or_time = timeout(soon, self.maintain.notified()).await;
    }
}
