//! Attempts: selects the next delivery, makes the attempt, and decides what follows.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;

use super::engine::{Engine, State};
use super::journal;
use super::policy::LanePolicy;
use super::task_pool::TaskPool;
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Leased, Settlement};
use crate::id::LaneId;
use crate::outcome::{Outcome, Report};
use crate::retry::{Decision, Facts, FailReason};
use crate::telemetry;

/// How long a lane pauses while its endpoint is being disabled. After this time the store and the caches have the change.
const CLOSING: Duration = Duration::from_secs(2);

impl Engine {
    /// Starts attempts while something is ready and a slot is free.
    pub(super) fn start(self: &Arc<Self>) {
        while let Some((leased, tasks)) = self.next() {
            tasks.spawn(self.clone().use_slot(leased));
        }
    }

    fn next(&self) -> Option<(Leased, Arc<TaskPool>)> {
        let mut state = self.state();
        let tasks = state.tasks.clone()?;
        let next = state.next(self.clock.now(), self.config.in_flight);
        if next.is_none() && state.lanes.has_to_release() {
            self.work.notify_one();
        }
        Some((next?, tasks))
    }

    /// Makes attempts one after the other in one slot until nothing is ready.
    async fn use_slot(self: Arc<Self>, first: Leased) {
        let mut current = Some(first);
        while let Some(leased) = current.take() {
            let settlement = self.attempt(&leased).await;
            if let Some(settlement) = &settlement {
                journal::log(self.deliver.work(), &leased, settlement);
            }
            let now = self.clock.now();
            if settlement.is_none() {
                // The handler may have settled it in a transaction of its own.
                self.has_settled.store(true, Ordering::Relaxed);
            }
            let mut state = self.state();
            state.record_end(&leased, settlement, (now, now + self.config.poll));
            current = state.next(now, self.config.in_flight);
            let wants_claim = state.lanes.wants_claim() || state.lanes.has_to_release();
            drop(state);
            self.attempt_ended.notify_one();
            if wants_claim {
                self.work.notify_one();
            }
        }
    }

    /// Makes one attempt and decides what happens to the delivery. Returns `None` if the delivery is to be released.
    async fn attempt(&self, leased: &Leased) -> Option<Settlement> {
        let policy = self.deliver.retry_policy(leased).await;
        let began = self.clock.now();
        if leased.attempt > policy.max_attempts() {
            return Some(fail(leased, FailReason::Poison, began));
        }
        if leased.event.expires_at.is_some_and(|deadline| deadline <= began) {
            return Some(fail(leased, FailReason::Expired, began));
        }
        let report = match AssertUnwindSafe(self.deliver.deliver(leased)).catch_unwind().await {
            Ok(report) => report?,
            Err(_) => Report::new(Outcome::Panic, Duration::ZERO),
        };
        let at = self.clock.now();
        let facts = Facts::new(leased.attempt, at, &report)
            .created_at(leased.created_at)
            .faults(leased.faults)
            .seed(seed(leased));
        let decided = policy.decide(&facts);
        let decision = self.park(leased, overrule(leased, report.outcome, decided));
        telemetry::attempt(self.deliver.work(), report.outcome, report.duration);
        if leased.attempt == 1 && leased.faults == 0 {
            telemetry::first_attempt(self.deliver.work(), began.since(leased.created_at));
        }
        let attempt = Attempt::new(leased.attempt, began, report.duration, report.outcome);
        let attempt = attempt.with_excerpt(report.excerpt);
        let settlement = Settlement::of(leased, decision, at).with_attempt(attempt);
        Some(settlement.with_paused_until(decided.paused_until()))
    }

    /// Holds a failed delivery if the endpoint requires this, so that its ordering key waits for an operator.
    fn park(&self, leased: &Leased, decision: Decision) -> Decision {
        let Decision::Fail { reason } = decision else { return decision };
        let given_up = matches!(reason, FailReason::Exhausted | FailReason::Permanent | FailReason::Faults);
        let is_ordered = leased.event.order.as_ref().is_some_and(|order| !order.is_latest());
        if given_up && is_ordered && self.state().lanes.parks(leased.lane) {
            Decision::Hold { reason }
        } else {
            decision
        }
    }

    /// Reserves room for a delivery that is about to be appended, so that it is appended as leased to this worker and starts without
    /// a claim. Returns `None` if there is no room.
    pub(crate) fn reserve(self: &Arc<Self>, lane: LaneId, policy: &LanePolicy, now: Timestamp) -> Option<Reservation> {
        let mut state = self.state();
        let reserved = !state.is_stuck() && state.lanes.reserve(lane, policy, now);
        drop(state);
        reserved.then(|| Reservation { engine: Some(self.clone()), lane })
    }
}

impl State {
    /// Records the end of an attempt. Without a settlement, the lane is searched `again` at that time.
    fn record_end(&mut self, leased: &Leased, settlement: Option<Settlement>, (now, again): (Timestamp, Timestamp)) {
        let lane = leased.lane;
        let outcome = settlement.as_ref().and_then(|end| end.attempt.as_ref()).map(|attempt| attempt.outcome);
        self.lanes.ended(lane, outcome);
        if let Some(progress) = &mut self.drain {
            progress.end();
        }
        let Some(settlement) = settlement else {
            if leased.event.order.is_some() {
                // If the handler has settled it, the next delivery of the ordering key is due. If not, this one is, and must not be
                // attempted again without a pause.
                self.lanes.note_due(lane, again, now);
            }
            return self.lanes.release_unattempted(leased.lease, lane, now);
        };
        // A lane whose endpoint will be disabled starts no attempt while the settlement is being stored.
        let closing = matches!(settlement.decision, Decision::Disable { .. }).then(|| now + CLOSING);
        if let Some(until) = settlement.paused_until.max(closing) {
            self.lanes.pause(lane, until, now);
        }
        self.unsettled.push(settlement);
    }
}

/// Replaces a retry that must not happen. The lane keeps the pause that the policy requires.
fn overrule(leased: &Leased, outcome: Outcome, decision: Decision) -> Decision {
    let Decision::Retry { at, .. } = decision else { return decision };
    if outcome == Outcome::HandlerRejected {
        // A handler that has rejected a job is not called for it again, whatever the policy says.
        Decision::Fail { reason: FailReason::Permanent }
    } else if leased.event.expires_at.is_some_and(|deadline| deadline <= at) {
        Decision::Fail { reason: FailReason::Expired }
    } else {
        decision
    }
}

/// Fails a delivery without an attempt.
fn fail(leased: &Leased, reason: FailReason, at: Timestamp) -> Settlement {
    Settlement::of(leased, Decision::Fail { reason }, at)
}

/// The source of jitter: constant for one delivery, different for each delivery. The last 62 bits of a UUIDv7 are random.
fn seed(leased: &Leased) -> u64 {
    let bytes = leased.lease.delivery.as_bytes();
    bytes.iter().skip(8).fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
}

/// Room for one delivery in a lane. Dropping it frees the room.
#[derive(Debug)]
pub(crate) struct Reservation {
    engine: Option<Arc<Engine>>,
    lane: LaneId,
}

impl Reservation {
    /// Hands over the delivery, which is stored and leased to this worker. It starts when its turn comes.
    pub(crate) fn hand_over(mut self, leased: Leased) {
        let Some(engine) = self.engine.take() else { return };
        engine.state().lanes.hand_over(leased);
        engine.start();
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.take() {
            let now = engine.clock.now();
            engine.state().lanes.unreserve(self.lane, now);
        }
    }
}
