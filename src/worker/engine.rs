//! The state that the parts of a worker share, and the calls of a sender and an inbox to it.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::absence::Absence;
use super::config::Config;
use super::deliver::Deliver;
use super::lanes::Lanes;
use super::peers::Peers;
use super::policy::LanePolicy;
use super::progress::Progress;
use super::task_pool::TaskPool;
use super::unsettled::Unsettled;
use crate::clock::{Clock, Timestamp};
use crate::delivery::Leased;
use crate::id::{DeliveryId, LaneId, WorkerId};
use crate::store::{Store, StoreError};
use crate::telemetry;

/// This number of unrecorded settlements is always allowed.
const FEW: usize = 8;

/// The state that the parts of a worker share: the lanes of one [`Deliver`] over one store.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(super) store: Arc<dyn Store>,
    pub(super) deliver: Arc<dyn Deliver>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) config: Config,
    pub(super) absence: Absence,
    state: Mutex<State>,
    /// Wakes the claiming part: there are lanes to claim from, an earlier timer, or leases to release.
    pub(super) work: Notify,
    /// Wakes the settling part: an attempt has ended.
    pub(super) attempt_ended: Notify,
    /// Wakes the settling part: settlements were set aside.
    pub(super) set_aside: Notify,
    /// Wakes the settling part: the store has recorded something again after a failure.
    pub(super) recovered: Notify,
    /// Wakes the stopping part: something was recorded.
    pub(super) recorded: Notify,
    /// Wakes the maintaining part at once.
    pub(super) maintain: Notify,
    /// Wakes the part that works off jobs: a job was added.
    pub(super) jobs: Notify,
    /// Tells the maintaining part that settlements were recorded, which may need a round of it soon.
    pub(super) settled: Notify,
    /// Whether there are settlements that this worker has not added to the rollups.
    pub(super) has_settled: AtomicBool,
    /// Ends a drain.
    pub(super) drained: Notify,
}

/// The state behind one lock, which is never held over an await.
#[derive(Debug)]
pub(super) struct State {
    pub(super) lanes: Lanes,
    pub(super) unsettled: Unsettled,
    /// Where attempts run; `None` while the worker does not run.
    pub(super) tasks: Option<Arc<TaskPool>>,
    /// The progress of a drain.
    pub(super) drain: Option<Progress>,
}

impl State {
    /// The next delivery to attempt. An unrecorded attempt would be repeated after a crash, so there are never more unrecorded attempts
    /// than may be in flight.
    pub(super) fn next(&mut self, now: Timestamp, in_flight: u32) -> Option<Leased> {
        let most = FEW.max(in_flight as usize);
        if self.is_stuck() || self.unsettled.count() >= most || !self.may_start() {
            return None;
        }
        let next = self.lanes.next(now)?;
        if let Some(progress) = &mut self.drain {
            progress.start();
        }
        Some(next)
    }

    /// Whether the run may start one more attempt.
    pub(super) fn may_start(&self) -> bool {
        self.drain.as_ref().is_none_or(Progress::may_start)
    }

    /// Whether the store records nothing at the moment. A few settlements that cannot be recorded do not count.
    pub(super) fn is_stuck(&self) -> bool {
        self.unsettled.store_in_trouble && self.unsettled.count() >= FEW
    }
}

impl Engine {
    /// An engine without a running worker.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        deliver: Arc<dyn Deliver>,
        clock: Arc<dyn Clock>,
        config: Config,
    ) -> Arc<Self> {
        telemetry::describe();
        let lanes = Lanes::new(config.in_flight, config.leases, Peers::alone(WorkerId::generate(clock.now())));
        let state = Mutex::new(State { lanes, unsettled: Unsettled::default(), tasks: None, drain: None });
        Arc::new(Self {
            store,
            deliver,
            clock,
            config,
            absence: Absence::new(),
            state,
            work: Notify::new(),
            attempt_ended: Notify::new(),
            set_aside: Notify::new(),
            recovered: Notify::new(),
            recorded: Notify::new(),
            maintain: Notify::new(),
            jobs: Notify::new(),
            settled: Notify::new(),
            has_settled: AtomicBool::new(false),
            drained: Notify::new(),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // A panic under the lock would be a bug in hookwire. The state consists of counters: continuing is better than stopping.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The end of a lease that starts now.
    #[must_use]
    pub(crate) fn lease_end(&self, now: Timestamp) -> Timestamp {
        now + self.config.lease
    }

    /// Records that the store has deliveries in this lane that are due now.
    pub(crate) fn announce(&self, lane: LaneId, now: Timestamp) {
        let wants_claim = {
            let mut state = self.state();
            state.lanes.note_due(lane, now, now);
            state.lanes.wants_claim()
        };
        if wants_claim {
            self.work.notify_one();
        }
    }

    /// Looks for work at once: calls [`Deliver::maintain`] and [`Deliver::work_off`], and claims due deliveries.
    pub(crate) fn wake(&self) {
        self.maintain.notify_one();
        self.jobs.notify_one();
        self.work.notify_one();
    }

    /// Calls [`Deliver::work_off`] at once.
    pub(crate) fn wake_jobs(&self) {
        self.jobs.notify_one();
    }

    /// Changes the policy of a lane at once. A lane that is now closed releases the deliveries that it has not started.
    pub(crate) fn change_policy(&self, lane: LaneId, policy: &LanePolicy) {
        let now = self.clock.now();
        self.state().lanes.change_policy(lane, policy, now);
        self.work.notify_one();
    }

    /// Opens a lane whose deliveries were held; at first it makes one attempt at a time.
    pub(crate) fn release_held(&self, lane: LaneId, policy: &LanePolicy) {
        self.change_policy(lane, policy);
        self.state().lanes.start_slowly(lane);
    }

    /// Makes a delivery pending again that is final or held. Returns `false` for any other delivery.
    ///
    /// # Errors
    /// Returns the store's error.
    pub(crate) async fn resend(&self, delivery: DeliveryId) -> Result<bool, StoreError> {
        let resent = self.store.resend(self.deliver.work(), vec![(delivery, self.clock.now())]).await?;
        self.announce_changed(delivery, resent.first() == Some(&true)).await
    }

    /// Cancels a delivery that is pending or held. Returns `false` for any other delivery.
    ///
    /// # Errors
    /// Returns the store's error.
    pub(crate) async fn cancel(&self, delivery: DeliveryId) -> Result<bool, StoreError> {
        let cancelled = self.store.cancel(self.deliver.work(), vec![delivery], self.clock.now()).await?;
        // The next delivery of its ordering key may follow.
        self.announce_changed(delivery, cancelled.first() == Some(&true)).await
    }

    async fn announce_changed(&self, delivery: DeliveryId, changed: bool) -> Result<bool, StoreError> {
        if changed && let Some(delivery) = self.store.delivery(self.deliver.work(), delivery).await? {
            self.announce(delivery.lane, self.clock.now());
        }
        Ok(changed)
    }
}
