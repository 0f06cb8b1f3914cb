//! The health of endpoints: derived from the stored attempts, and reported to operators.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::attempt_watch::{AttemptWatch, NextAttempt};
use super::directory::CachedDirectory;
use super::health_rules::{HealthLevel, HealthRules};
use super::latency::Latencies;
use super::notice::{Notice, NoticeChannel, NoticeKind, Notices};
use crate::clock::{Clock, Timestamp};
use crate::delivery::Settlement;
use crate::endpoint::{DisableReason, Endpoint, EndpointState, Rate};
use crate::id::{DeliveryId, EndpointId, Tenant};
use crate::retry::{Decision, FailReason};
use crate::store::{PutResult, Store, StoreError, StoreErrorKind};
use crate::worker::LanePolicy;

/// The time between two attempts at a slowed endpoint.
const SLOW: Rate = Rate { count: NonZeroU32::MIN, per: Duration::from_secs(60) };

/// The number of notices that may wait to be dispatched as events.
const MAX_UNDISPATCHED: usize = 1_024;

/// The settings that decide which notices are reported.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reporting {
    pub(super) rules: HealthRules,
    /// A delivery is reported after this number of failed attempts.
    pub(super) failing_after: u32,
    /// Whether notices are kept for [`HealthMonitor::take_undispatched`].
    pub(super) as_events: bool,
}

#[derive(Debug)]
pub(super) struct HealthMonitor {
    pub(super) store: Arc<dyn Store>,
    pub(super) directory: Arc<CachedDirectory>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) latency: Latencies,
    reporting: Reporting,
    channel: NoticeChannel,
    state: Mutex<State>,
    /// The number of endpoints that are known to fail. While it is zero, a success, which is frequent, needs no lock.
    failing: AtomicUsize,
    attempts: AttemptWatch,
}

/// The state behind one lock, which is never held over an await.
#[derive(Debug, Default)]
struct State {
    /// Endpoints that failed recently and have not been checked since.
    suspects: HashSet<EndpointId>,
    /// The level that was last reported for each failing endpoint.
    reported: HashMap<EndpointId, HealthLevel>,
    undispatched: Vec<Arc<Notice>>,
}

impl HealthMonitor {
    pub(super) fn new(
        store: Arc<dyn Store>,
        directory: Arc<CachedDirectory>,
        clock: Arc<dyn Clock>,
        reporting: Reporting,
    ) -> Self {
        Self {
            store,
            directory,
            clock,
            latency: Latencies::new(),
            reporting,
            channel: NoticeChannel::new(),
            state: Mutex::default(),
            failing: AtomicUsize::new(0),
            attempts: AttemptWatch::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn notices(&self) -> Notices {
        self.channel.subscribe()
    }

    /// Watches the attempts that this process makes at a delivery.
    pub(super) fn watch_attempts(&self, delivery: DeliveryId) -> NextAttempt {
        self.attempts.watch(delivery)
    }

    /// The limits and rules for the lane of this endpoint.
    pub(super) fn lane_policy(&self, endpoint: &Endpoint) -> LanePolicy {
        if !endpoint.is_enabled() {
            return LanePolicy::closed();
        }
        let health = &endpoint.health;
        let slow = self.reporting.rules.level(health) >= HealthLevel::Slow;
        LanePolicy::open(endpoint.limits.concurrency)
            .rate(if slow { Some(SLOW) } else { endpoint.limits.rate })
            .tenant(endpoint.tenant.clone())
            .paused_until(health.paused_until)
            .failures(health.failures)
            .proven(health.last_success.is_some())
            .on_failure(endpoint.on_failure)
    }

    /// Reports something to operators.
    pub(super) fn report(&self, kind: NoticeKind, endpoint: EndpointId, tenant: Option<Tenant>) {
        let notice = Arc::new(Notice { kind, endpoint, tenant, at: self.clock.now() });
        if self.reporting.as_events {
            let undispatched = &mut self.state().undispatched;
            // Many notices must not fill the memory. The channel passes all of them on.
            if undispatched.len() < MAX_UNDISPATCHED {
                undispatched.push(notice.clone());
            }
        }
        self.channel.send(notice);
    }

    /// Takes the notices that are to be dispatched as events.
    pub(super) fn take_undispatched(&self) -> Vec<Arc<Notice>> {
        std::mem::take(&mut self.state().undispatched)
    }

    /// Puts back notices that could not be dispatched.
    pub(super) fn put_back_undispatched(&self, mut notices: Vec<Arc<Notice>>) {
        let undispatched = &mut self.state().undispatched;
        notices.append(undispatched);
        *undispatched = notices;
    }

    /// Records the end of an attempt.
    pub(super) fn record(&self, settlement: &Settlement) {
        let Some(endpoint) = settlement.lane.endpoint() else { return };
        if let Some(attempt) = &settlement.attempt {
            self.attempts.record(settlement);
            self.latency.record(endpoint, attempt.duration);
            if attempt.outcome.is_success() {
                self.record_success(endpoint);
            } else if attempt.outcome.is_endpoint_failure() {
                self.state().suspects.insert(endpoint);
            }
        }
        self.record_end(settlement, endpoint);
    }

    fn record_success(&self, endpoint: EndpointId) {
        if self.failing.load(Ordering::Relaxed) == 0 {
            return;
        }
        if self.forget(endpoint) {
            // The endpoint may have been slowed down: its record is read again.
            let tenant = self.directory.forget(endpoint, None);
            self.report(NoticeKind::EndpointRecovered, endpoint, tenant);
        }
    }

    fn record_end(&self, settlement: &Settlement, endpoint: EndpointId) {
        let delivery = settlement.lease.delivery;
        let attempts = settlement.attempt.as_ref().map_or(0, |attempt| attempt.number);
        let (kind, changes_endpoint) = match settlement.decision {
            Decision::Fail { reason } => {
                (NoticeKind::DeliveryFailed { delivery, reason }, reason == FailReason::Blocked)
            }
            Decision::Disable { reason } => (NoticeKind::DeliveryFailed { delivery, reason }, true),
            Decision::Hold { reason } => (NoticeKind::DeliveryHeld { delivery, reason }, false),
            Decision::Retry { .. } if attempts == self.reporting.failing_after => {
                (NoticeKind::DeliveryFailing { delivery, attempts }, false)
            }
            _ => return,
        };
        let tenant =
            if changes_endpoint { self.directory.forget(endpoint, None) } else { self.directory.tenant_of(endpoint) };
        self.report(kind, endpoint, tenant.clone());
        if let Decision::Disable { reason } = settlement.decision {
            self.report(NoticeKind::EndpointDisabled { reason: reason.into() }, endpoint, tenant);
        }
    }

    /// Checks the endpoints that failed recently.
    pub(super) async fn check_suspects(&self) -> Result<(), StoreError> {
        let suspects = std::mem::take(&mut self.state().suspects);
        for suspect in &suspects {
            if let Err(error) = self.check_suspect(*suspect).await {
                // All suspects are checked again. Endpoints that were checked already are not reported twice.
                self.state().suspects.extend(suspects);
                return Err(error);
            }
        }
        Ok(())
    }

    async fn check_suspect(&self, suspect: EndpointId) -> Result<(), StoreError> {
        match self.store.get(suspect).await {
            Ok(Some(endpoint)) => self.check(&endpoint).await,
            Ok(None) => Ok(()),
            // Without a readable record there is no health to check.
            Err(error) if error.kind() == StoreErrorKind::Corrupt => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn check(&self, endpoint: &Arc<Endpoint>) -> Result<(), StoreError> {
        let (Some(since), true) = (endpoint.health.failing_since, endpoint.is_enabled()) else { return Ok(()) };
        let level = self.reporting.rules.level(&endpoint.health);
        let reported = self.state().reported.get(&endpoint.id).copied().unwrap_or(HealthLevel::Healthy);
        if level <= reported {
            return Ok(());
        }
        let kind = match level {
            HealthLevel::Disable => return self.disable(endpoint, self.clock.now()).await,
            HealthLevel::Slow => NoticeKind::EndpointSlowed { since },
            _ => NoticeKind::EndpointFailing { since },
        };
        let mut state = self.state();
        state.reported.insert(endpoint.id, level);
        self.failing.store(state.reported.len(), Ordering::Relaxed);
        drop(state);
        self.directory.forget(endpoint.id, Some(&endpoint.tenant));
        self.report(kind, endpoint.id, Some(endpoint.tenant.clone()));
        Ok(())
    }

    /// Disables an endpoint. If another call has changed the endpoint meanwhile, nothing happens, and its next failure triggers another
    /// check.
    async fn disable(&self, endpoint: &Arc<Endpoint>, at: Timestamp) -> Result<(), StoreError> {
        let reason = DisableReason::Failing;
        let state = EndpointState::Disabled { reason, at };
        let disabled = Endpoint { state, version: endpoint.version + 1, ..Endpoint::clone(endpoint) };
        let put = self.store.put(disabled).await?;
        self.directory.forget(endpoint.id, Some(&endpoint.tenant));
        if put == PutResult::Stored {
            self.forget(endpoint.id);
            self.report(NoticeKind::EndpointDisabled { reason }, endpoint.id, Some(endpoint.tenant.clone()));
        }
        Ok(())
    }

    /// Deletes the reported level of an endpoint. Returns whether there was one.
    pub(super) fn forget(&self, endpoint: EndpointId) -> bool {
        let mut state = self.state();
        let was_reported = state.reported.remove(&endpoint).is_some();
        self.failing.store(state.reported.len(), Ordering::Relaxed);
        was_reported
    }
}
