//! Endpoints and the effects of deliveries on them, with faults.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hookwire::clock::Timestamp;
use hookwire::delivery::Settlement;
use hookwire::endpoint::{
    CustomHeaders, DisableReason, Endpoint, EndpointState, Filter, Health, Labels, Limits, OnFailure, Target,
};
use hookwire::id::{EndpointId, LaneId, Tenant};
use hookwire::outcome::Outcome;
use hookwire::retry::{Decision, FailReason};
use hookwire::secret::{Keyring, KeyringEntry};
use hookwire::store::{PutResult, Removal};

use super::bug::Bug;
use super::db::Db;

impl Db {
    /// An endpoint as its row stores it.
    fn kept_endpoint(&self, endpoint: Endpoint) -> Endpoint {
        let mut kept = endpoint;
        kept.created_at = self.time(kept.created_at);
        kept.flagged_at = kept.flagged_at.map(|at| self.time(at));
        if let EndpointState::Disabled { at, .. } = &mut kept.state {
            *at = self.time(*at);
        }
        kept.tenant = Tenant::from(self.text(kept.tenant.as_str()));
        let entries = kept.keys.entries().to_vec();
        match self.bug {
            Some(Bug::LosesTarget) => {
                kept.target = Target::parse(&format!("https://{}/", kept.target.authority())).unwrap();
            }
            Some(Bug::LosesFixedTarget) => kept.fixed_target = false,
            Some(Bug::LosesFilter) => kept.filter = Filter::default(),
            Some(Bug::LosesRetiringKeys) => {
                kept.keys = ring(entries.into_iter().filter(|key| key.retires_at.is_none()).collect());
            }
            Some(Bug::LosesRetireTimes) => {
                kept.keys = ring(entries.into_iter().map(|key| KeyringEntry { retires_at: None, ..key }).collect());
            }
            Some(Bug::ReversesKeys) => kept.keys = ring(entries.into_iter().rev().collect()),
            Some(Bug::LosesSchemes) => kept.schemes = Vec::new(),
            Some(Bug::LosesHeaders) => kept.headers = CustomHeaders::new(),
            Some(Bug::LosesConcurrency) => kept.limits = kept.limits.with_concurrency(Limits::default().concurrency),
            Some(Bug::LosesRate) => kept.limits.rate = None,
            Some(Bug::RoundsRate) => {
                if let Some(rate) = &mut kept.limits.rate {
                    rate.per = Duration::from_secs(rate.per.as_secs().max(1));
                }
            }
            Some(Bug::LosesCeiling) => kept.ceiling = None,
            Some(Bug::LosesOnFailure) => kept.on_failure = OnFailure::Skip,
            Some(Bug::LosesRetry) => kept.retry = None,
            Some(Bug::LosesTraced) => kept.traced = false,
            Some(Bug::LosesLabels) => kept.labels = Labels::new(),
            Some(Bug::LosesFlag) => kept.flagged_at = None,
            Some(Bug::LosesCreatedAt) => kept.created_at = Timestamp::EPOCH,
            Some(Bug::LosesStateReason) => {
                if let EndpointState::Disabled { reason, .. } = &mut kept.state {
                    *reason = DisableReason::Requested;
                }
            }
            Some(Bug::LosesStateTime) => {
                if let EndpointState::Disabled { at, .. } = &mut kept.state {
                    *at = kept.created_at;
                }
            }
            _ => {}
        }
        kept
    }

    pub fn put(&mut self, endpoint: Endpoint) -> PutResult {
        let kept = match self.endpoints.get(&endpoint.id) {
            Some(None) if self.has(Bug::RemovedCanBePut) => None,
            Some(None) => return PutResult::VersionConflict,
            Some(Some(kept)) => Some(kept.clone()),
            None => None,
        };
        let expected = kept.as_ref().map_or(1, |kept| kept.version + 1);
        let fits = endpoint.version == expected
            || self.has(Bug::PutIgnoresTheVersion)
            || self.has(Bug::PutTakesOlderVersions) && endpoint.version < expected
            || self.has(Bug::PutNeedsNoPredecessor) && kept.is_none();
        if !fits {
            return PutResult::VersionConflict;
        }
        self.write(endpoint, kept.as_ref());
        PutResult::Stored
    }

    pub fn write(&mut self, endpoint: Endpoint, kept: Option<&Endpoint>) {
        let mut new = self.kept_endpoint(endpoint);
        let is_enabling = kept.is_some_and(|kept| !kept.is_enabled()) && new.is_enabled();
        let old = kept.map_or_else(Health::default, |kept| kept.health);
        let forgives = is_enabling && !self.has(Bug::EnablingForgivesNothing) || self.has(Bug::EveryPutForgives);
        new.health = match self.bug {
            Some(Bug::HealthIsOverwrittenByPut) => new.health,
            _ if forgives => old.cleared(),
            _ => old,
        };
        if let Some(kept) = kept {
            match self.bug {
                Some(Bug::UpdateKeepsLabels) => new.labels = kept.labels.clone(),
                Some(Bug::UpdateKeepsTarget) => new.target = kept.target.clone(),
                Some(Bug::UpdateKeepsTraced) => new.traced = kept.traced,
                _ => {}
            }
        }
        self.endpoints.insert(new.id, Some(new));
    }

    pub fn is_full(&self, endpoint: &Endpoint, limit: u32) -> bool {
        let same = |other: &Tenant| {
            self.key(other.as_str()) == self.key(endpoint.tenant.as_str()) || self.has(Bug::CreateCapSharedByTenants)
        };
        let counts =
            |kept: &&Endpoint| same(&kept.tenant) && (!self.has(Bug::CreateCountsEnabledOnly) || kept.is_enabled());
        let live = self.endpoints.values().flatten().filter(counts).count();
        let removed = self.removed.values().filter(counts).count();
        let count = live + if self.has(Bug::CreateCountsRemoved) { removed } else { 0 };
        count >= limit as usize && !self.has(Bug::CreateIgnoresTheCap)
    }

    pub fn create(&mut self, endpoint: Endpoint, limit: u32) -> PutResult {
        if self.is_full(&endpoint, limit) {
            return PutResult::TooMany;
        }
        if self.has(Bug::CreateOverwrites) && matches!(self.endpoints.get(&endpoint.id), Some(Some(_))) {
            self.write(endpoint, None);
            return PutResult::Stored;
        }
        self.put(endpoint)
    }

    /// An endpoint as it is read.
    fn shown(&self, endpoint: &Endpoint) -> Arc<Endpoint> {
        let mut shown = endpoint.clone();
        if self.has(Bug::VersionReadsBackWrong) {
            shown.version = 1;
        }
        shown.into()
    }

    pub fn get(&self, id: EndpointId) -> Option<Arc<Endpoint>> {
        let removed = self.removed.get(&id).filter(|_| self.has(Bug::GetShowsRemoved));
        self.endpoints.get(&id)?.as_ref().or(removed).map(|kept| self.shown(kept))
    }

    pub fn list(&self, tenant: Option<&Tenant>, after: Option<EndpointId>, limit: u32) -> Vec<Arc<Endpoint>> {
        let removed = self.removed.values().filter(|_| self.has(Bug::ListShowsRemoved));
        let is_after = |id: EndpointId| match after {
            Some(after) if self.has(Bug::ListRepeatsTheCursor) => id >= after,
            Some(after) if self.has(Bug::ListDescends) => id < after,
            Some(after) => id > after,
            None => true,
        };
        let is_of = |of: &Tenant| {
            tenant.is_none_or(|tenant| {
                self.has(Bug::ListIgnoresTheTenant) || self.key(tenant.as_str()) == self.key(of.as_str())
            })
        };
        let mut found: Vec<_> = self
            .endpoints
            .values()
            .flatten()
            .chain(removed)
            .filter(|kept| {
                is_of(&kept.tenant) && is_after(kept.id) && (kept.is_enabled() || !self.has(Bug::ListHidesDisabled))
            })
            .map(|kept| self.shown(kept))
            .collect();
        found.sort_by_key(|kept| kept.id);
        match self.bug {
            Some(Bug::ListDescends) => found.reverse(),
            Some(Bug::ListSkipsOne) if after.is_some() && found.len() > 1 => drop(found.remove(0)),
            _ => {}
        }
        found.truncate(if self.has(Bug::ListIgnoresTheLimit) { usize::MAX } else { limit as usize });
        for kept in &mut found {
            let kept = Arc::make_mut(kept);
            match self.bug {
                Some(Bug::ListLosesHeaders) => kept.headers = CustomHeaders::new(),
                Some(Bug::ListsShowNoHealth) => kept.health = Health::default(),
                _ => {}
            }
        }
        found
    }

    pub fn of_tenant(&self, tenant: &Tenant) -> Vec<Arc<Endpoint>> {
        let removed = self.removed.values().filter(|_| self.has(Bug::OfTenantShowsRemoved));
        let most = if self.has(Bug::OfTenantStopsAt100) { 100 } else { usize::MAX };
        let is_shown = |kept: &&Endpoint| kept.is_enabled() || !self.has(Bug::OfTenantHidesDisabled);
        let all = self.endpoints.values().flatten().chain(removed).filter(is_shown);
        all.filter(|kept| self.key(kept.tenant.as_str()) == self.key(tenant.as_str()))
            .take(most)
            .map(|kept| self.shown(kept))
            .collect()
    }

    /// Whether the endpoint may be removed.
    pub fn removal(&self, id: EndpointId, version: Option<u64>) -> Removal {
        match self.endpoints.get(&id) {
            Some(None) if self.has(Bug::RemoveTwiceIsRemoved) => Removal::Removed,
            None | Some(None) => Removal::NotFound,
            Some(Some(kept)) => {
                let other =
                    version.is_some_and(|version| version != kept.version) && !self.has(Bug::RemoveIgnoresTheVersion);
                if other { Removal::VersionConflict } else { Removal::Removed }
            }
        }
    }

    pub fn remove(&mut self, id: EndpointId, version: Option<u64>, now: Timestamp) -> Removal {
        let removal = self.removal(id, version);
        if removal == Removal::Removed {
            self.drop_endpoint(id);
        }
        let cancels =
            removal == Removal::Removed || removal == Removal::VersionConflict && self.has(Bug::RefusedRemoveCancels);
        if cancels && !self.has(Bug::RemoveKeepsLeases) {
            self.cancel_lane(LaneId::Endpoint(id), now);
        }
        removal
    }

    pub fn drop_endpoint(&mut self, id: EndpointId) {
        if let Some(kept) = self.endpoints.insert(id, None).flatten() {
            self.removed.insert(id, kept);
        }
    }

    /// The effect of an attempt on its endpoint.
    pub fn affect(&mut self, settlement: &Settlement) {
        let Some(id) = settlement.lane.endpoint() else { return };
        let ids: BTreeSet<_> = match self.bug {
            Some(Bug::HealthSharedByEndpoints) => self.endpoints.keys().copied().collect(),
            _ => [id].into(),
        };
        for id in ids {
            let Some(Some(kept)) = self.endpoints.get(&id) else { continue };
            let mut changed = kept.clone();
            self.keep_health(&mut changed, settlement);
            self.keep_state(&mut changed, settlement);
            let is_disabling = kept.is_enabled() && !changed.is_enabled();
            self.endpoints.insert(id, Some(changed));
            if is_disabling && self.has(Bug::DisabledLosesLeases) {
                for row in self.deliveries.values_mut().filter(|row| row.lane == LaneId::Endpoint(id) && row.leased) {
                    row.fence += 1;
                }
            }
        }
    }

    pub fn keep_health(&self, kept: &mut Endpoint, settlement: &Settlement) {
        if self.has(Bug::HealthIsNotKept) {
            return;
        }
        let mut settlement = settlement.clone();
        if self.has(Bug::HealthForgetsThePause) {
            settlement.paused_until = None;
        }
        if let Some(attempt) = &mut settlement.attempt
            && self.has(Bug::HealthCountsOurFaults)
            && attempt.outcome == Outcome::Local
        {
            attempt.outcome = Outcome::Status(500);
        }
        if let Some(mut health) = kept.health.after(&settlement) {
            health.failing_since = health.failing_since.map(|at| self.time(at));
            health.last_failure = health.last_failure.map(|at| self.time(at));
            health.last_success = health.last_success.map(|at| self.time(at));
            health.paused_until = health.paused_until.map(|at| self.time(at));
            kept.health = health;
            kept.version += u64::from(self.has(Bug::HealthRaisesTheVersion));
        }
    }

    pub fn keep_state(&self, kept: &mut Endpoint, settlement: &Settlement) {
        let is_blocked = settlement.decision == Decision::Fail { reason: FailReason::Blocked };
        let is_gone = matches!(settlement.decision, Decision::Disable { .. });
        match self.bug {
            Some(Bug::GoneDisablesNothing) if is_gone => return,
            Some(Bug::BlockedFlagsNothing) if is_blocked => return,
            Some(Bug::BlockedFlagsAgain) if is_blocked => kept.flagged_at = None,
            Some(Bug::GoneDisablesAgain) if is_gone => kept.state = EndpointState::Enabled,
            _ => {}
        }
        let Some(mut changed) = kept.affected_by(settlement.decision, settlement.at) else { return };
        changed.flagged_at = changed.flagged_at.map(|at| self.time(at));
        match (&mut changed.state, self.bug) {
            (EndpointState::Disabled { reason, .. }, Some(Bug::GoneForgetsTheReason)) => {
                *reason = DisableReason::Policy;
            }
            (_, Some(Bug::GoneKeepsTheVersion)) => changed.version -= 1,
            (state, Some(Bug::BlockedDisables)) if is_blocked => {
                *state = EndpointState::Disabled { reason: DisableReason::Policy, at: settlement.at };
            }
            (EndpointState::Disabled { at, .. }, _) => *at = self.time(*at),
            _ => {}
        }
        *kept = changed;
    }
}

fn ring(entries: Vec<KeyringEntry>) -> Keyring {
    if entries.is_empty() { Keyring::empty() } else { Keyring::from_entries(entries).unwrap() }
}
