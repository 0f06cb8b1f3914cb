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
use super::crowd::Crowd;
use super::deliver::{Deliver, Terms};
use super::lanes::Lanes;
use super::settle::Unrecorded;
use crate::clock::{Clock, Timestamp};
use crate::delivery::{Attempt, Leased, Next, Settlement};
use crate::event::Order;
use crate::id::{DeliveryId, LaneId, WorkerId};
use crate::outcome::{Outcome, Report};
use crate::retry::{Decision, Facts, FailReason};
use crate::store::{Store, StoreError};
use crate::telemetry;

/// How long a lane rests whose endpoint is being disabled: until the store and the caches know.
const CLOSING: Duration = Duration::from_secs(2);

/// What the parts of a worker share: the lanes of one [`Deliver`] over one store.
///
/// A sender and an inbox are built on one each. An application that has its own kind of delivery (a message bus, a mailer)
/// implements [`Deliver`] and builds its own: appends to the store, [announces](Self::announce) the lane, and runs a
/// [`Worker`](super::Worker).
#[derive(Debug)]
pub struct Engine {
    pub(super) store: Arc<dyn Store>,
    pub(super) deliver: Arc<dyn Deliver>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) config: Config,
    pub(super) state: Mutex<State>,
    /// Something to claim, a nearer timer, or leases to give back.
    pub(super) work: Notify,
    /// Something to settle.
    pub(super) ends: Notify,
    /// Ends were set aside, to be recorded one by one.
    pub(super) aside: Notify,
    /// Something was recorded: for those who wait for all of it, and for those who wait for any.
    pub(super) recorded: Notify,
    pub(super) recovered: Notify,
    /// Something to tend to.
    pub(super) tending: Notify,
}

/// Behind one lock that is never held over an await.
#[derive(Debug)]
pub(super) struct State {
    pub(super) lanes: Lanes,
    pub(super) unrecorded: Unrecorded,
    pub(super) crew: Option<Arc<Crew>>,
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
    /// An engine at rest. Check the settings first: [`Config::check`].
    pub fn new(store: Arc<dyn Store>, deliver: Arc<dyn Deliver>, clock: Arc<dyn Clock>, config: Config) -> Arc<Self> {
        let lanes = Lanes::new(config.limits(), Crowd::alone(WorkerId::generate(clock.now())));
        let state = Mutex::new(State { lanes, unrecorded: Unrecorded::default(), crew: None });
        Arc::new(Self {
            store,
            deliver,
            clock,
            config,
            state,
            work: Notify::new(),
            ends: Notify::new(),
            aside: Notify::new(),
            recorded: Notify::new(),
            recovered: Notify::new(),
            tending: Notify::new(),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // A panic under the lock would be a bug of ours; the state is plain counters, and stopping helps nobody.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a delivery that is about to be appended, so that it can be born leased.
    pub fn reserve(self: &Arc<Self>, lane: LaneId, terms: &Terms, now: Timestamp) -> Option<Reservation> {
        let mut state = self.state();
        let reserved = !state.is_stuck() && state.lanes.reserve(lane, terms, now);
        drop(state);
        reserved.then(|| Reservation { engine: Some(self.clone()), lane })
    }

    /// Until when a lease taken now lasts.
    #[must_use]
    pub fn lease_end(&self, now: Timestamp) -> Timestamp {
        now + self.config.lease
    }

    /// The store has work in this lane that is due now.
    pub fn announce(&self, lane: LaneId, now: Timestamp) {
        let wants_claim = {
            let mut state = self.state();
            state.lanes.due(lane, now, now);
            state.lanes.wants_claim()
        };
        if wants_claim {
            self.work.notify_one();
        }
    }

    /// Look again, now: at what there is to [tend](Deliver::tend) to, and at what is due.
    pub fn wake(&self) {
        self.tending.notify_one();
        self.work.notify_one();
    }

    /// The lane's terms have changed. What was not started is given back when it is closed.
    pub fn change_terms(&self, lane: LaneId, terms: &Terms) {
        let now = self.clock.now();
        self.state().lanes.change_terms(lane, terms, now);
        self.work.notify_one();
    }

    /// What was held while the endpoint was disabled goes out, one attempt at a time at first.
    pub fn release_held(&self, lane: LaneId, terms: &Terms) {
        self.change_terms(lane, terms);
        self.state().lanes.release_held(lane);
    }

    /// Makes a delivery pending again that is final or held; `false` for any other.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn resend(&self, delivery: DeliveryId) -> Result<bool, StoreError> {
        let resent = self.store.resend(self.deliver.work(), vec![(delivery, self.clock.now())]).await?;
        self.announce_changed(delivery, resent.first() == Some(&true)).await
    }

    /// Cancels a delivery that is pending or held; `false` for any other.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn cancel(&self, delivery: DeliveryId) -> Result<bool, StoreError> {
        let cancelled = self.store.cancel(self.deliver.work(), vec![delivery], self.clock.now()).await?;
        // The next of its ordering key may follow.
        self.announce_changed(delivery, cancelled.first() == Some(&true)).await
    }

    async fn announce_changed(&self, delivery: DeliveryId, changed: bool) -> Result<bool, StoreError> {
        if changed && let Some(delivery) = self.store.delivery(self.deliver.work(), delivery).await? {
            self.announce(delivery.lane, self.clock.now());
        }
        Ok(changed)
    }

    /// Starts attempts while there is something ready and a free slot.
    pub(super) fn start(self: &Arc<Self>) {
        while let Some((leased, crew)) = self.next() {
            // Boxed, because spawning moves it several times. One registration with the kill switch serves every attempt
            // that this task will make.
            let work = Box::pin(self.clone().work_off(leased));
            let slot = crew.kill.clone().run_until_cancelled_owned(work).map(drop);
            crew.tasks.spawn_on(slot, &crew.runtime);
        }
    }

    fn next(&self) -> Option<(Leased, Arc<Crew>)> {
        let mut state = self.state();
        let crew = state.crew.clone()?;
        let next = state.next(self.clock.now(), self.config.in_flight);
        if next.is_none() && state.lanes.has_give_back() {
            self.work.notify_one();
        }
        Some((next?, crew))
    }

    /// One slot: attempt after attempt until nothing is ready.
    async fn work_off(self: Arc<Self>, first: Leased) {
        let mut current = Some(first);
        while let Some(leased) = current.take() {
            let settlement = self.attempt(&leased).await;
            let now = self.clock.now();
            let mut state = self.state();
            state.note_end(&leased, settlement, now);
            current = state.next(now, self.config.in_flight);
            let wants_claim = state.lanes.wants_claim() || state.lanes.has_give_back();
            drop(state);
            self.ends.notify_one();
            if wants_claim {
                self.work.notify_one();
            }
        }
    }

    /// Makes one attempt and decides what follows.
    async fn attempt(&self, leased: &Leased) -> Option<Settlement> {
        let policy = self.deliver.policy(leased).await;
        let began = self.clock.now();
        if leased.attempt > policy.max_attempts() {
            return Some(untried(leased, FailReason::Poison, began));
        }
        if leased.event.expires_at.is_some_and(|deadline| deadline <= began) {
            return Some(untried(leased, FailReason::Expired, began));
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
        let (next, pause) = follow(leased, report.outcome, policy.decide(&facts));
        let next = self.park(leased, next);
        telemetry::attempt(self.deliver.work(), report.outcome, report.duration);
        if leased.attempt == 1 && leased.faults == 0 {
            telemetry::first_attempt(self.deliver.work(), began.since(leased.created_at));
        }
        let attempt = Attempt::new(leased.attempt, began, report.duration, report.outcome);
        let attempt = attempt.with_excerpt(report.excerpt);
        Some(Settlement::of(leased, next, at).with_attempt(attempt).with_pause(pause))
    }

    /// Where its endpoint asks for it, a head that has failed stays in the way of its ordering key.
    fn park(&self, leased: &Leased, next: Next) -> Next {
        let Next::Failed { reason } = next else { return next };
        let given_up = matches!(reason, FailReason::Exhausted | FailReason::Permanent | FailReason::Faults);
        let in_line = matches!(leased.event.order, Some(Order::Fifo(_)));
        if given_up && in_line && self.state().lanes.parks(leased.lane) { Next::Held { reason } } else { next }
    }
}

/// So many unrecorded ends are never too many.
const FEW: usize = 8;

impl State {
    /// The next delivery to start. What is not recorded would be done again after a crash, so there is never more of that than
    /// may be in flight.
    fn next(&mut self, now: Timestamp, in_flight: u32) -> Option<Leased> {
        let most = FEW.max(in_flight as usize);
        if self.is_stuck() || self.unrecorded.count() >= most { None } else { self.lanes.next(now) }
    }

    /// Whether nothing can be recorded at the moment. A few ends that cannot be, are no sign of that.
    pub(super) fn is_stuck(&self) -> bool {
        self.unrecorded.in_trouble && self.unrecorded.count() >= FEW
    }

    /// Takes in how an attempt ended.
    fn note_end(&mut self, leased: &Leased, settlement: Option<Settlement>, now: Timestamp) {
        let lane = leased.lane;
        let outcome = settlement.as_ref().and_then(|end| end.attempt.as_ref()).map(|attempt| attempt.outcome);
        self.lanes.ended(lane, outcome);
        let Some(settlement) = settlement else { return self.lanes.refuse(leased.lease) };
        // A lane that is to be disabled starts nothing while the store is still being told.
        let closing = matches!(settlement.next, Next::Disable { .. }).then(|| now + CLOSING);
        if let Some(until) = settlement.pause.max(closing) {
            self.lanes.pause(lane, until, now);
        }
        self.unrecorded.push(settlement);
    }
}

/// What a decision means for this delivery, and until when its lane rests.
fn follow(leased: &Leased, outcome: Outcome, decision: Decision) -> (Next, Option<Timestamp>) {
    match decision {
        Decision::Delivered => (Next::Delivered, None),
        // A handler that has rejected a job was promised not to be called for it again, by whatever policy.
        Decision::Retry { pause, .. } if outcome == Outcome::HandlerRejected => {
            (Next::Failed { reason: FailReason::Permanent }, pause)
        }
        // A retry after the deadline would find it expired.
        Decision::Retry { at, pause } if leased.event.expires_at.is_some_and(|deadline| deadline <= at) => {
            (Next::Failed { reason: FailReason::Expired }, pause)
        }
        Decision::Retry { at, pause } => (Next::Retry { due: at }, pause),
        Decision::Again { at } => (Next::Again { due: at }, None),
        Decision::Hold { reason } => (Next::Held { reason }, None),
        Decision::Fail { reason } => (Next::Failed { reason }, None),
        Decision::Disable { reason } => (Next::Disable { reason }, None),
    }
}

/// The end of a delivery that is not tried any more.
fn untried(leased: &Leased, reason: FailReason, at: Timestamp) -> Settlement {
    Settlement::of(leased, Next::Failed { reason }, at)
}

/// Constant for one delivery, different between deliveries: a UUIDv7 ends in 62 random bits.
fn seed(leased: &Leased) -> u64 {
    let bytes = leased.lease.delivery.as_bytes();
    bytes.iter().skip(8).fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
}

/// A place in a lane. Dropped unused, the place is free again.
#[derive(Debug)]
pub struct Reservation {
    engine: Option<Arc<Engine>>,
    lane: LaneId,
}

impl Reservation {
    /// The delivery is stored and leased: start it as soon as its turn comes.
    pub fn hand_over(mut self, leased: Leased) {
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
