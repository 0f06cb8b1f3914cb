//! Who is failing: endpoints are judged by what the store remembers of them, and the operator is told.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::directory::CachedDirectory;
use super::latency::Latencies;
use super::notice::{Board, Notice, What};
use crate::clock::{Clock, Timestamp};
use crate::delivery::{Next, Settlement};
use crate::endpoint::{Condition, DisableReason, Endpoint, EndpointState, HealthRules, Rate};
use crate::id::{EndpointId, Tenant};
use crate::retry::FailReason;
use crate::store::{Put, Store, StoreError, StoreErrorKind};
use crate::worker::Terms;

/// How often a slowed endpoint is tried.
const SLOW: Rate = Rate { count: NonZeroU32::MIN, per: Duration::from_secs(60) };

/// Notices that wait to be dispatched as events.
const MAX_UNTOLD: usize = 1_024;

#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) store: Arc<dyn Store>,
    pub(super) directory: Arc<CachedDirectory>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rules: HealthRules,
    /// A delivery that has failed so often is worth a notice.
    pub(super) failing_after: u32,
    pub(super) board: Board,
    /// Keep what is said for [`take_untold`](Self::take_untold).
    pub(super) tells: bool,
    pub(super) state: Mutex<Watch>,
    /// How many endpoints are known as failing: successes, which are many, look no further while there is none.
    pub(super) known: AtomicUsize,
    pub(super) latency: Latencies,
}

/// Behind one lock that is never held over an await.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Failed lately; to be judged.
    suspects: HashSet<EndpointId>,
    /// What has been said of whom.
    said: HashMap<EndpointId, Condition>,
    untold: Vec<Arc<Notice>>,
}

impl Keeper {
    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the lane of this endpoint may use.
    pub(super) fn terms(&self, endpoint: &Endpoint) -> Terms {
        if !endpoint.is_enabled() {
            return Terms::closed();
        }
        let health = &endpoint.health;
        let slow = self.rules.judge(health) >= Condition::Slow;
        Terms::open(endpoint.limits.concurrency)
            .with_rate(if slow { Some(SLOW) } else { endpoint.limits.rate })
            .of_tenant(endpoint.tenant.clone())
            .resting_until(health.paused_until)
            .after_failures(health.failures)
            .known_to_succeed(health.last_success.is_some())
            .on_failure(endpoint.on_failure)
    }

    pub(super) fn say(&self, what: What, endpoint: EndpointId, tenant: Option<Tenant>) {
        let notice = Arc::new(Notice { what, endpoint, tenant, at: self.clock.now() });
        if self.tells {
            let untold = &mut self.watch().untold;
            // A flood must not fill the memory; the stream has them all.
            if untold.len() < MAX_UNTOLD {
                untold.push(notice.clone());
            }
        }
        self.board.give(notice);
    }

    /// Notices to be dispatched as events.
    pub(super) fn take_untold(&self) -> Vec<Arc<Notice>> {
        std::mem::take(&mut self.watch().untold)
    }

    /// They could not be dispatched yet.
    pub(super) fn put_back_untold(&self, mut notices: Vec<Arc<Notice>>) {
        let untold = &mut self.watch().untold;
        notices.append(untold);
        *untold = notices;
    }

    /// Notes how an attempt ended.
    pub(super) fn note(&self, settlement: &Settlement) {
        let Some(endpoint) = settlement.lane.endpoint() else { return };
        let Some(attempt) = &settlement.attempt else { return self.note_end(settlement, endpoint) };
        self.latency.note(endpoint, attempt.duration);
        if attempt.outcome.is_success() {
            self.note_success(endpoint);
        } else if attempt.outcome.is_endpoint_failure() {
            self.watch().suspects.insert(endpoint);
        }
        self.note_end(settlement, endpoint);
    }

    fn note_success(&self, endpoint: EndpointId) {
        if self.known.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut watch = self.watch();
        let recovered = watch.said.remove(&endpoint).is_some();
        self.known.store(watch.said.len(), Ordering::Relaxed);
        drop(watch);
        if recovered {
            // It may have been slowed.
            let tenant = self.directory.forget(endpoint, None);
            self.say(What::EndpointRecovered, endpoint, tenant);
        }
    }

    fn note_end(&self, settlement: &Settlement, endpoint: EndpointId) {
        let delivery = settlement.lease.delivery;
        let attempts = settlement.attempt.as_ref().map_or(0, |attempt| attempt.number);
        let (what, changes) = match settlement.next {
            Next::Failed { reason } => (What::DeliveryFailed { delivery, reason }, reason == FailReason::Blocked),
            Next::Disable { reason } => (What::DeliveryFailed { delivery, reason }, true),
            Next::Held { reason } => (What::DeliveryHeld { delivery, reason }, false),
            Next::Retry { .. } if attempts == self.failing_after => {
                (What::DeliveryFailing { delivery, attempts }, false)
            }
            _ => return,
        };
        let tenant = if changes { self.directory.forget(endpoint, None) } else { self.directory.tenant_of(endpoint) };
        self.say(what, endpoint, tenant.clone());
        if let Next::Disable { reason } = settlement.next {
            self.say(What::EndpointDisabled { reason: reason.into() }, endpoint, tenant);
        }
    }

    /// Judges who has failed lately.
    pub(super) async fn judge(&self) -> Result<(), StoreError> {
        let suspects = std::mem::take(&mut self.watch().suspects);
        for suspect in &suspects {
            if let Err(error) = self.judge_suspect(*suspect).await {
                // All of them again: who was judged already is not told of twice.
                self.watch().suspects.extend(suspects);
                return Err(error);
            }
        }
        Ok(())
    }

    async fn judge_suspect(&self, suspect: EndpointId) -> Result<(), StoreError> {
        match self.store.get(suspect).await {
            Ok(Some(endpoint)) => self.judge_one(&endpoint).await,
            Ok(None) => Ok(()),
            // Damaged: there is nothing to judge by.
            Err(error) if error.kind() == StoreErrorKind::Corrupt => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn judge_one(&self, endpoint: &Arc<Endpoint>) -> Result<(), StoreError> {
        let (Some(since), true) = (endpoint.health.failing_since, endpoint.is_enabled()) else { return Ok(()) };
        let condition = self.rules.judge(&endpoint.health);
        let said = self.watch().said.get(&endpoint.id).copied().unwrap_or(Condition::Fine);
        if condition <= said {
            return Ok(());
        }
        let what = match condition {
            Condition::Hopeless => return self.disable(endpoint, self.clock.now()).await,
            Condition::Slow => What::EndpointSlowed { since },
            _ => What::EndpointFailing { since },
        };
        let mut watch = self.watch();
        watch.said.insert(endpoint.id, condition);
        self.known.store(watch.said.len(), Ordering::Relaxed);
        drop(watch);
        self.directory.forget(endpoint.id, Some(&endpoint.tenant));
        self.say(what, endpoint.id, Some(endpoint.tenant.clone()));
        Ok(())
    }

    /// Disables it, unless somebody has changed it meanwhile: then its next failure brings it here again.
    async fn disable(&self, endpoint: &Arc<Endpoint>, at: Timestamp) -> Result<(), StoreError> {
        let reason = DisableReason::Failing;
        let state = EndpointState::Disabled { reason, at };
        let disabled = Endpoint { state, version: endpoint.version + 1, ..Endpoint::clone(endpoint) };
        let put = self.store.put(disabled).await?;
        self.directory.forget(endpoint.id, Some(&endpoint.tenant));
        if put == Put::Stored {
            self.forget(endpoint.id);
            self.say(What::EndpointDisabled { reason }, endpoint.id, Some(endpoint.tenant.clone()));
        }
        Ok(())
    }

    /// Nothing is known of it any more.
    pub(super) fn forget(&self, endpoint: EndpointId) {
        let mut watch = self.watch();
        watch.said.remove(&endpoint);
        self.known.store(watch.said.len(), Ordering::Relaxed);
    }
}
