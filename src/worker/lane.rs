//! One lane: what is held of it, and whether more may start.

use std::collections::VecDeque;

use super::deliver::Terms;
use super::gate::Gate;
use crate::clock::Timestamp;
use crate::delivery::Leased;

/// How many leases a lane may hold for each attempt it may have in flight: enough to cover the time in which a settled
/// attempt is followed by a claim, few enough that another process finds work in a busy lane.
const LEASES_PER_SLOT: u32 = 4;

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) terms: Terms,
    /// Its terms were told, not assumed.
    is_known: bool,
    pub(super) gate: Gate,
    pub(super) ready: VecDeque<Leased>,
    pub(super) reserved: u32,
    pub(super) in_flight: u32,
    /// A claim from it is under way: it must not be forgotten with its terms.
    pub(super) claiming: bool,
    /// How many leases that claim may bring.
    pub(super) asked: u32,
    /// Due work is known or suspected in the store.
    pub(super) backlog: bool,
    /// Since when that work is due, where it is known.
    pub(super) due_since: Option<Timestamp>,
    /// Listed in `Lanes::backlogged`.
    pub(super) listed: bool,
    /// Listed in `Lanes::slots`.
    pub(super) queued: bool,
    /// It holds its share of the slots: looked at again when one of its own attempts ends, or in its turn when another's does.
    pub(super) waiting: bool,
    /// The one entry of this lane in `Lanes::timers`.
    pub(super) timer: Option<Timestamp>,
}

impl Lane {
    /// A lane of which nothing is known but that it exists.
    pub(super) fn assumed() -> Self {
        Self {
            terms: Terms::default(),
            is_known: false,
            gate: Gate::default(),
            ready: VecDeque::new(),
            reserved: 0,
            in_flight: 0,
            claiming: false,
            asked: 0,
            backlog: false,
            due_since: None,
            listed: false,
            queued: false,
            waiting: false,
            timer: None,
        }
    }

    /// Fresh terms. What the store remembers of the lane counts when it is met for the first time; a pause always. Through
    /// [`Lanes::agree`](super::lanes::Lanes) only: its standing may change.
    pub(super) fn agree(&mut self, terms: &Terms, now: Timestamp) {
        if !self.is_known {
            if terms.failing {
                self.gate.begin_narrow();
            }
            if terms.proven {
                self.gate.set_proven();
            }
        }
        if self.is_known && self.terms == *terms {
            return;
        }
        self.gate.set_rate(terms.rate, now);
        if let Some(until) = terms.rest_until {
            self.gate.shut(until);
        }
        // Whose it is does not change: terms that close a lane do not say it.
        let tenant = terms.tenant.clone().or_else(|| self.terms.tenant.take());
        self.terms = Terms { tenant, ..terms.clone() };
        self.is_known = true;
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.terms.concurrency == 0
    }

    pub(super) fn held(&self) -> u32 {
        self.reserved + self.in_flight + u32::try_from(self.ready.len()).unwrap_or(u32::MAX)
    }

    fn concurrency(&self) -> u32 {
        self.gate.concurrency(self.terms.concurrency)
    }

    pub(super) fn room(&self) -> u32 {
        self.concurrency().saturating_mul(LEASES_PER_SLOT).min(self.gate.burst()).saturating_sub(self.held())
    }

    pub(super) fn can_start(&self) -> bool {
        self.in_flight < self.concurrency() && !self.ready.is_empty()
    }

    pub(super) fn is_idle(&self, now: Timestamp) -> bool {
        self.held() == 0 && !self.claiming && !self.backlog && self.timer.is_none() && self.gate.is_plain(now)
    }
}
