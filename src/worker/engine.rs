//! What the parts of a worker share, and the life of one attempt.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::config::Config;
use super::deliver::{Deliver, Terms};
use super::lanes::Lanes;
use crate::clock::{Clock, Timestamp};
use crate::delivery::{Attempt, Lease, Leased, Next, Settlement};
use crate::id::EndpointId;
use crate::outcome::{Outcome, Report};
use crate::retry::{Decision, Facts, FailReason};
use crate::store::Store;

/// What the parts of a worker share.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(super) store: Arc<dyn Store>,
    pub(super) deliver: Arc<dyn Deliver>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) config: Config,
    pub(super) state: Mutex<State>,
    /// Something to claim, a nearer timer, or leases to give back.
    pub(super) work: Notify,
    /// Something to settle.
    pub(super) ends: Notify,
    /// A batch of ends was recorded.
    pub(super) recorded: Notify,
}

/// Behind one lock that is never held over an await.
#[derive(Debug)]
pub(super) struct State {
    pub(super) lanes: Lanes,
    pub(super) ends: Vec<End>,
    /// How many ends the store is being asked to record.
    pub(super) recording: usize,
    pub(super) give_back: Vec<Lease>,
    pub(super) crew: Option<Arc<Crew>>,
}

/// The end of an attempt, on its way to the store.
#[derive(Debug)]
pub(super) struct End {
    pub(super) settlement: Settlement,
    pub(super) lane: EndpointId,
}

/// Where attempts run while the worker does.
#[derive(Debug)]
pub(super) struct Crew {
    runtime: Handle,
    pub(super) tasks: TaskTracker,
    pub(super) kill: CancellationToken,
}

impl Crew {
    pub(super) fn new() -> Self {
        Self { runtime: Handle::current(), tasks: TaskTracker::new(), kill: CancellationToken::new() }
    }
}

impl Engine {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        deliver: Arc<dyn Deliver>,
        clock: Arc<dyn Clock>,
        config: Config,
    ) -> Arc<Self> {
        let lanes = Lanes::new(config.limits());
        let state = Mutex::new(State { lanes, ends: Vec::new(), recording: 0, give_back: Vec::new(), crew: None });
        Arc::new(Self {
            store,
            deliver,
            clock,
            config,
            state,
            work: Notify::new(),
            ends: Notify::new(),
            recorded: Notify::new(),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // A panic under the lock would be a bug of ours; the state is plain counters, and stopping helps nobody.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a delivery that is about to be appended, so that it can be born leased.
    pub(crate) fn reserve(self: &Arc<Self>, lane: EndpointId, terms: Terms, now: Timestamp) -> Option<Reservation> {
        let reserved = self.state().lanes.reserve(lane, terms, now);
        reserved.then(|| Reservation { engine: Some(self.clone()), lane })
    }

    /// Until when a lease taken now lasts.
    pub(crate) fn lease_end(&self, now: Timestamp) -> Timestamp {
        now + self.config.lease
    }

    /// The store has work in this lane that is due now.
    pub(crate) fn announce(&self, lane: EndpointId, now: Timestamp) {
        let wants_claim = {
            let mut state = self.state();
            state.lanes.due(lane, now, now);
            state.lanes.wants_claim()
        };
        if wants_claim {
            self.work.notify_one();
        }
    }

    /// The lane's terms have changed. What was not started is given back when it is closed.
    pub(crate) fn change_terms(&self, lane: EndpointId, terms: Terms, now: Timestamp) {
        let mut state = self.state();
        let leases = state.lanes.change_terms(lane, terms, now);
        state.give_back.extend(leases);
        drop(state);
        self.work.notify_one();
    }

    /// Starts attempts while there is something ready and a free slot.
    pub(super) fn start(self: &Arc<Self>) {
        loop {
            let (leased, crew) = {
                let mut state = self.state();
                let Some(crew) = state.crew.clone() else { return };
                let Some(leased) = state.lanes.next() else { return };
                (leased, crew)
            };
            // Boxed, because spawning moves it several times. One registration with the kill switch serves every attempt
            // that this task will make.
            let work = Box::pin(self.clone().work_off(leased));
            let slot = crew.kill.clone().run_until_cancelled_owned(work).map(drop);
            crew.tasks.spawn_on(slot, &crew.runtime);
        }
    }

    /// One slot: attempt after attempt until nothing is ready.
    async fn work_off(self: Arc<Self>, first: Leased) {
        let mut current = Some(first);
        while let Some(leased) = current.take() {
            let settlement = self.attempt(&leased).await;
            let mut state = self.state();
            state.lanes.ended(leased.endpoint);
            match settlement {
                Some(settlement) => state.ends.push(End { settlement, lane: leased.endpoint }),
                None => {
                    state.lanes.forget(leased.lease);
                    state.give_back.push(leased.lease);
                }
            }
            current = state.lanes.next();
            let wants_claim = state.lanes.wants_claim() || !state.give_back.is_empty();
            drop(state);
            self.ends.notify_one();
            if wants_claim {
                self.work.notify_one();
            }
        }
    }

    /// Makes one attempt and decides what follows.
    async fn attempt(&self, leased: &Leased) -> Option<Settlement> {
        let policy = self.deliver.policy(leased);
        let began = self.clock.now();
        if leased.attempt > policy.max_attempts() {
            let next = Next::Failed { reason: FailReason::Poison };
            return Some(Settlement { lease: leased.lease, attempt: None, next, at: began });
        }
        let report = match AssertUnwindSafe(self.deliver.deliver(leased)).catch_unwind().await {
            Ok(report) => report?,
            Err(_) => Report::new(Outcome::Panic, Duration::ZERO),
        };
        let at = self.clock.now();
        let facts = Facts::new(leased.attempt, at, &report)
            .with_created_at(leased.created_at)
            .with_faults(leased.faults)
            .with_seed(seed(leased));
        let next = self.follow(leased, policy.decide(&facts));
        let attempt = Attempt::new(leased.attempt, began, report.duration, report.outcome);
        Some(Settlement { lease: leased.lease, attempt: Some(attempt.with_excerpt(report.excerpt)), next, at })
    }

    fn follow(&self, leased: &Leased, decision: Decision) -> Next {
        match decision {
            Decision::Delivered => Next::Delivered,
            Decision::Retry { at, pause } => {
                if let Some(until) = pause {
                    self.state().lanes.pause(leased.endpoint, until);
                }
                Next::Retry { due: at }
            }
            Decision::Again { at } => Next::Again { due: at },
            Decision::Fail { reason } | Decision::Disable { reason } => Next::Failed { reason },
        }
    }
}

/// Constant for one delivery, different between deliveries: a UUIDv7 ends in 62 random bits.
fn seed(leased: &Leased) -> u64 {
    let bytes = leased.lease.delivery.as_bytes();
    bytes.iter().skip(8).fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
}

/// A place in a lane. Dropped unused, the place is free again.
#[derive(Debug)]
pub(crate) struct Reservation {
    engine: Option<Arc<Engine>>,
    lane: EndpointId,
}

impl Reservation {
    /// The delivery is stored and leased: start it as soon as its turn comes.
    pub(crate) fn hand_over(mut self, leased: Leased) {
        let Some(engine) = self.engine.take() else { return };
        let refused = {
            let mut state = engine.state();
            match state.lanes.hand_over(leased) {
                Ok(()) => false,
                Err(lease) => {
                    state.give_back.push(lease);
                    true
                }
            }
        };
        if refused {
            engine.work.notify_one();
        } else {
            engine.start();
        }
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
