//! One lane: the deliveries that it holds, and how many more it may hold and start.

use std::collections::VecDeque;

use super::policy::LanePolicy;
use super::stage::{ClaimStage, SlotStage};
use super::throttle::{LaneHealth, Throttle};
use crate::clock::Timestamp;
use crate::delivery::Leased;
use crate::id::Tenant;
use crate::outcome::Outcome;

/// How many leases a lane may hold for each attempt that it may have in flight. They are enough for the time between a settlement
/// and the next claim, and few enough to leave work of a busy lane to other processes.
const LEASES_PER_SLOT: u32 = 4;

/// The part of the worker's limits that a lane uses. The worker counts the sum over its lanes, so every change of a lane changes the
/// counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) health: LaneHealth,
    /// Slots.
    pub(super) in_flight: u32,
    /// Expected leases: of deliveries that are being appended, and of those that a claim requests.
    pub(super) expected: u32,
}

impl Usage {
    /// The usage of a lane that has the same health and holds nothing.
    pub(super) const fn nothing(self) -> Self {
        Self { health: self.health, in_flight: 0, expected: 0 }
    }
}

/// One endpoint's or one queue's deliveries in this worker.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// `None` until [`Deliver::lane_policy`](super::Deliver::lane_policy) was called.
    policy: Option<LanePolicy>,
    tenant: Option<Tenant>,
    pub(super) throttle: Throttle,
    /// Leased and not started.
    pub(super) ready: VecDeque<Leased>,
    pub(super) reserved: u32,
    pub(super) in_flight: u32,
    pub(super) slot: SlotStage,
    pub(super) claim: ClaimStage,
    /// The due time of the oldest due delivery in the store, if it is known.
    pub(super) due_since: Option<Timestamp>,
    /// When the lane is checked again.
    pub(super) timer: Option<Timestamp>,
}

impl Lane {
    /// Adopts the policy. Its data about past attempts is used only if the lane is new to this worker; a pause is always used.
    pub(super) fn adopt(&mut self, policy: &LanePolicy, now: Timestamp) {
        if self.policy.is_none() {
            if policy.failing {
                self.throttle.start_slowly();
            }
            if policy.proven {
                self.throttle.set_proven();
            }
        }
        if self.policy.as_ref() == Some(policy) {
            return;
        }
        self.throttle.set_rate(policy.rate, now);
        if let Some(until) = policy.paused_until {
            self.throttle.pause(until);
        }
        // A closed policy names no tenant. The tenant of a lane never changes.
        if self.tenant.is_none() {
            self.tenant.clone_from(&policy.tenant);
        }
        self.policy = Some(policy.clone());
    }

    pub(super) const fn tenant(&self) -> &Option<Tenant> {
        &self.tenant
    }

    pub(super) fn policy(&self) -> Option<&LanePolicy> {
        self.policy.as_ref()
    }

    /// How many attempts the policy allows at a time: one until the policy is known.
    fn allowed(&self) -> u32 {
        self.policy.as_ref().map_or(1, |policy| policy.concurrency)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.allowed() == 0
    }

    pub(super) const fn usage(&self) -> Usage {
        let expected = self.reserved + self.claim.requested();
        Usage { health: self.throttle.health(), in_flight: self.in_flight, expected }
    }

    /// How many deliveries the lane holds: being appended, ready, and in flight.
    pub(super) fn held(&self) -> u32 {
        self.reserved + self.in_flight + u32::try_from(self.ready.len()).unwrap_or(u32::MAX)
    }

    /// How many attempts may be in flight now.
    fn concurrency(&self) -> u32 {
        self.throttle.concurrency(self.allowed())
    }

    /// How many more deliveries the lane may hold.
    pub(super) fn capacity(&self) -> u32 {
        self.concurrency().saturating_mul(LEASES_PER_SLOT).min(self.throttle.burst()).saturating_sub(self.held())
    }

    pub(super) fn can_start(&self) -> bool {
        self.in_flight < self.concurrency() && !self.ready.is_empty()
    }

    /// Counts the end of an attempt and updates the lane's health from its outcome.
    pub(super) fn end_attempt(&mut self, outcome: Option<Outcome>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(outcome) = outcome {
            self.throttle.learn(outcome, self.allowed());
        }
    }

    /// Whether the lane can be dropped: it holds nothing, waits for nothing, and its health is the default. The health of a closed lane is
    /// not needed, and its policy must be read again, because another process may open it.
    pub(super) fn is_idle(&self, now: Timestamp) -> bool {
        let is_needed = if self.is_closed() {
            matches!(self.claim, ClaimStage::Claiming { .. })
        } else {
            self.claim != ClaimStage::Nothing || self.timer.is_some() || !self.throttle.is_plain(now)
        };
        self.held() == 0 && !is_needed
    }
}
