//! Finding work: lanes fall due by what this process knows, and the store is swept for what it does not.

use std::sync::Arc;
use std::time::Duration;

use super::drain::Ending;
use super::engine::Engine;
use super::settle::back_off;
use crate::clock::Timestamp;
use crate::id::LaneId;
use crate::store::{Claim, Claimed, LaneDue, StoreError, Wakes};

/// Lanes listed in one call of a sweep.
const SWEEP_PAGE: u32 = 1_024;

/// Where a sweep over the store's lanes stands.
#[derive(Debug, Default)]
struct Sweep {
    after: Option<LaneId>,
    /// The first round goes through without pause, so that a restarted worker knows all lanes soon. Later rounds take a
    /// page each time, so that their cost is bounded whatever is stored.
    completed: bool,
}

/// Why a rest is over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rested {
    /// It is time, or this process has made work.
    Enough,
    /// Another process says that there may be work.
    Woken,
}

impl Engine {
    /// Claims and starts work until the end begins. A claim under way is not cut off before the grace is over: what it found would
    /// wait for its lease.
    pub(super) async fn claim_until(self: &Arc<Self>, ending: &Ending) -> Result<(), StoreError> {
        let mut sweep = Sweep::default();
        let mut sweep_at = self.clock.now();
        let mut trouble = None;
        let mut wakes = self.store.wakes();
        while !ending.has_begun() {
            match ending.or_out_of_time(self.round(&mut sweep, &mut sweep_at)).await {
                Ok(()) => trouble = None,
                Err(error) if error.is_retryable() => {
                    tracing::warn!(%error, "claiming failed; it will be tried again");
                    let wait = back_off(trouble);
                    let _ended = ending.or_begun(tokio::time::sleep(wait)).await;
                    trouble = Some(wait);
                    continue;
                }
                Err(error) => return Err(error),
            }
            if ending.or_begun(self.rest(sweep_at, &mut wakes)).await == Some(Rested::Woken) {
                // Another process has stored something: nobody here knows in which lane.
                sweep_at = self.clock.now();
            }
        }
        Ok(())
    }

    /// One round: give back, sweep when it is time, claim, start.
    async fn round(self: &Arc<Self>, sweep: &mut Sweep, sweep_at: &mut Timestamp) -> Result<(), StoreError> {
        self.give_back().await?;
        let now = self.clock.now();
        // A clock that was set back must not put the sweep off.
        if now >= *sweep_at || sweep_at.since(now) > self.config.poll {
            self.sweep(sweep).await?;
            *sweep_at = if sweep.completed { now + self.config.poll } else { now };
        }
        while self.claim().await? {}
        self.start();
        Ok(())
    }

    /// Waits for news, the next due lane, or the next sweep.
    async fn rest(&self, sweep_at: Timestamp, wakes: &mut Wakes) -> Rested {
        let wait = {
            let state = self.state();
            let due = state.lanes.next_timer().map_or(sweep_at, |timer| timer.min(sweep_at));
            // Nothing is claimed then, so whatever is due stays due.
            if state.is_stuck() { self.config.poll } else { due.since(self.clock.now()) }
        };
        if wait > Duration::ZERO {
            tokio::select! {
                biased;
                () = self.work.notified() => Rested::Enough,
                () = wakes.next() => Rested::Woken,
                () = tokio::time::sleep(wait) => Rested::Enough,
            }
        } else {
            tokio::task::yield_now().await;
            Rested::Enough
        }
    }

    async fn sweep(&self, sweep: &mut Sweep) -> Result<(), StoreError> {
        let page = self.store.lanes(self.deliver.work(), sweep.after, SWEEP_PAGE).await?;
        let full = page.len() >= SWEEP_PAGE as usize;
        sweep.after = page.last().filter(|_| full).map(|lane| lane.lane);
        sweep.completed |= !full;
        let now = self.clock.now();
        let mut state = self.state();
        for LaneDue { lane, due } in page {
            state.lanes.due(lane, due, now);
        }
        Ok(())
    }

    /// One claim; whether another would find more.
    async fn claim(self: &Arc<Self>) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let lanes = {
            let mut state = self.state();
            if state.is_stuck() {
                return Ok(false);
            }
            state.lanes.take_backlogged(now)
        };
        if lanes.is_empty() {
            return Ok(false);
        }
        let claimed = self.claim_from(&lanes, now).await;
        let mut state = self.state();
        match claimed {
            Ok(claimed) => state.lanes.claimed(&lanes, claimed, self.clock.now()),
            Err(error) => {
                state.lanes.put_back(&lanes);
                return Err(error);
            }
        }
        let more = state.lanes.wants_claim();
        drop(state);
        self.start();
        Ok(more)
    }

    async fn claim_from(&self, lanes: &[LaneId], now: Timestamp) -> Result<Claimed, StoreError> {
        let mut terms = Vec::with_capacity(lanes.len());
        for lane in lanes {
            terms.push((*lane, self.deliver.terms(*lane).await?));
        }
        let lanes = self.state().lanes.quotas(&terms, now);
        if lanes.is_empty() {
            return Ok(Claimed::default());
        }
        self.store.claim(Claim { lanes, now, until: self.lease_end(now) }).await
    }

    /// Gives back leases of deliveries that will not be started here.
    pub(super) async fn give_back(&self) -> Result<(), StoreError> {
        let leases = self.state().lanes.take_give_back();
        if leases.is_empty() {
            return Ok(());
        }
        let released = self.store.release(leases.clone(), self.clock.now()).await;
        if released.is_err() {
            self.state().lanes.put_back_leases(leases);
        }
        released.map(drop)
    }
}
