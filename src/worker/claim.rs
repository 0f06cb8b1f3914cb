//! Claims. Timers trigger claims from known lanes, and a sweep over the store finds unknown lanes.

use std::sync::Arc;
use std::time::Duration;

use super::backoff::next_delay;
use super::engine::Engine;
use super::shutdown::Shutdown;
use crate::clock::Timestamp;
use crate::id::LaneId;
use crate::store::{ChangeListener, Claim, Claimed, StoreError};

/// The number of lanes that one call of a sweep lists.
const SWEEP_PAGE: u32 = 1_024;

/// While other processes can report their work, the pauses between two rounds of the sweep are this number of times longer.
const CONNECTED: u32 = 5;

/// The progress of the sweep over the store's lanes.
#[derive(Debug)]
struct Sweep {
    /// When the next page is read.
    at: Timestamp,
    /// How long after the previous page that is.
    pause: Duration,
    /// When another process last reported work.
    reported: Timestamp,
    /// The last lane of the previous page. `None` at the start of a round.
    after: Option<LaneId>,
    /// Whether a complete round was made. The first round is made without pauses, so that a restarted worker soon has all lanes. Later
    /// rounds read one page at a time, so that their cost is bounded however many lanes are stored.
    completed: bool,
}

/// Why the claim loop looks for work again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Woken {
    /// A timer has fired, or this process has new work.
    Here,
    /// Another process has reported new work, in an unknown lane.
    Elsewhere,
}

impl Engine {
    /// Claims and starts deliveries until the shutdown is requested. A running claim is not cut off before the grace ends, because its
    /// deliveries would remain leased.
    pub(super) async fn claim_until(self: &Arc<Self>, shutdown: &Shutdown) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut sweep = Sweep { at: now, pause: Duration::ZERO, reported: now, after: None, completed: false };
        let mut delay = None;
        let mut changes = self.store.changes();
        while !shutdown.is_requested() {
            match shutdown.call_store(self.claim_round(&mut sweep, &changes)).await {
                Ok(()) => {
                    delay = None;
                    self.end_if_drained(sweep.completed);
                }
                Err(error) if error.is_retryable() => {
                    tracing::warn!(%error, "claiming failed; the worker retries it");
                    let wait = next_delay(delay);
                    let _stopped = shutdown.until_requested(tokio::time::sleep(wait)).await;
                    delay = Some(wait);
                    continue;
                }
                Err(error) => return Err(error),
            }
            if shutdown.until_requested(self.wait_for_work(sweep.at, &mut changes)).await == Some(Woken::Elsewhere) {
                sweep.at = self.clock.now();
                sweep.reported = sweep.at;
            }
        }
        Ok(())
    }

    /// Releases leases, sweeps if a sweep is due, claims, and starts attempts.
    async fn claim_round(self: &Arc<Self>, sweep: &mut Sweep, changes: &ChangeListener) -> Result<(), StoreError> {
        self.release().await?;
        let now = self.clock.now();
        // A clock that was set back must not postpone the sweep.
        if now >= sweep.at || sweep.at.since(now) > sweep.pause {
            self.sweep(sweep).await?;
            sweep.pause = self.pause_of_sweep(sweep, changes, now);
            sweep.at = now + sweep.pause;
        }
        while self.claim().await? {}
        self.start();
        Ok(())
    }

    /// The time until the next page. Between two rounds it is longer while other processes report their work, unless one has just done
    /// so: what it has reported may have been overlooked, for example because the endpoint was cached.
    fn pause_of_sweep(&self, sweep: &Sweep, changes: &ChangeListener, now: Timestamp) -> Duration {
        let longest = self.config.poll.saturating_mul(CONNECTED);
        let is_between_rounds = sweep.completed && sweep.after.is_none();
        if !sweep.completed {
            Duration::ZERO
        } else if is_between_rounds && changes.is_connected() && now.since(sweep.reported) >= longest {
            longest
        } else {
            self.config.poll
        }
    }

    /// Waits until a lane is due, the sweep continues, or a listener reports work.
    async fn wait_for_work(&self, sweep_at: Timestamp, changes: &mut ChangeListener) -> Woken {
        let wait = {
            let state = self.state();
            let due = state.lanes.next_timer().map_or(sweep_at, |timer| timer.min(sweep_at));
            // A worker that is stuck or may start nothing does not claim, so due lanes remain due. Waiting for them would return at once.
            if state.is_stuck() || !state.may_start() { self.config.poll } else { due.since(self.clock.now()) }
        };
        if wait == Duration::ZERO {
            tokio::task::yield_now().await;
            return Woken::Here;
        }
        tokio::select! {
            biased;
            () = self.work.notified() => Woken::Here,
            () = changes.next() => Woken::Elsewhere,
            () = tokio::time::sleep(wait) => Woken::Here,
        }
    }

    async fn sweep(&self, sweep: &mut Sweep) -> Result<(), StoreError> {
        let page = self.store.lanes(self.deliver.work(), sweep.after, SWEEP_PAGE).await?;
        let is_full = page.len() >= SWEEP_PAGE as usize;
        sweep.after = page.last().filter(|_| is_full).map(|(lane, _)| *lane);
        sweep.completed |= !is_full;
        let now = self.clock.now();
        let mut state = self.state();
        for (lane, due) in page {
            state.lanes.note_due(lane, due, now);
        }
        Ok(())
    }

    /// Makes one claim and starts the claimed deliveries. Returns whether to claim again.
    async fn claim(self: &Arc<Self>) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let lanes = {
            let mut state = self.state();
            if state.is_stuck() || !state.may_start() {
                return Ok(false);
            }
            state.lanes.select(now)
        };
        if lanes.is_empty() {
            return Ok(false);
        }
        let claimed = self.claim_from(&lanes, now).await;
        let mut state = self.state();
        match claimed {
            Ok(claimed) => state.lanes.claimed(&lanes, claimed, self.clock.now()),
            Err(error) => {
                state.lanes.claim_failed(&lanes, now);
                return Err(error);
            }
        }
        let more = state.lanes.wants_claim();
        drop(state);
        self.start();
        Ok(more)
    }

    async fn claim_from(&self, lanes: &[LaneId], now: Timestamp) -> Result<Claimed, StoreError> {
        let mut policies = Vec::with_capacity(lanes.len());
        for lane in lanes {
            policies.push((*lane, self.deliver.lane_policy(*lane).await?));
        }
        let lanes = self.state().lanes.quotas(&policies, now);
        if lanes.is_empty() {
            return Ok(Claimed::default());
        }
        self.store.claim(Claim { lanes, now, until: self.lease_end(now) }).await
    }

    /// Releases the leases of deliveries that will not be started here.
    pub(super) async fn release(&self) -> Result<(), StoreError> {
        let leases = self.state().lanes.take_to_release();
        if leases.is_empty() {
            return Ok(());
        }
        let released = self.store.release(leases.clone(), self.clock.now()).await;
        if released.is_err() {
            self.state().lanes.put_back_to_release(leases);
        }
        released.map(drop)
    }
}
