//! The tables of the memory store, and the state changes of a delivery.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::MemoryDedup;
use super::audit_table::AuditTable;
use super::failure_table::FailureTable;
use super::job_table::JobTable;
use super::keyed::Keyed;
use super::note_table::NoteTable;
use super::tally::Tally;
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery, DeliveryState, Lease, Leased, Settlement};
use crate::endpoint::Endpoint;
use crate::event::{Event, Order};
use crate::id::{DeliveryId, EndpointId, EventId, LaneId, Tenant, Work, WorkerId};
use crate::retry::{Decision, FailReason};
use crate::store::sql::Folded;
use crate::store::{Listed, MOST_EXAMINED, Page, Placement, Settled};

/// A store in memory. Clones share the data, which is lost when the process ends.
///
/// Its size grows with the stored data; the worker's pruning limits it by age.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    tables: Arc<Mutex<Tables>>,
    pub(super) dedup: MemoryDedup,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn tables(&self) -> MutexGuard<'_, Tables> {
        // No user code runs under the lock, and no change can panic before it is complete.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// Two kinds, so that one store can serve a sender and an inbox.
delegate_store! { MemoryStore, |store| store.dedup; Dedup }

/// The key of an event. Received events and sent events have separate ids.
pub(super) type EventKey = (Work, Tenant, EventId);

/// One value for each kind of work.
#[derive(Debug, Default)]
pub(super) struct ByWork<T> {
    sent: T,
    received: T,
}

impl<T> ByWork<T> {
    pub(super) const fn of(&self, work: Work) -> &T {
        match work {
            Work::Sent => &self.sent,
            Work::Received => &self.received,
        }
    }

    pub(super) const fn of_mut(&mut self, work: Work) -> &mut T {
        match work {
            Work::Sent => &mut self.sent,
            Work::Received => &mut self.received,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) events: HashMap<EventKey, EventRow>,
    /// Events in the order of appending.
    pub(super) log: BTreeMap<u64, EventKey>,
    /// Events without deliveries, for pruning: all other events are deleted with their last delivery.
    pub(super) childless: ByWork<BTreeSet<(Timestamp, EventKey)>>,
    /// The ids of deleted events that are still taken. The field after this one contains them by the time of the event.
    pub(super) spent: HashMap<EventKey, Option<[u8; 32]>>,
    pub(super) spent_at: ByWork<BTreeSet<(Timestamp, EventKey)>>,
    /// The signed bytes of received events, each kept as long as the id of its event is taken.
    pub(super) replays: HashMap<(Tenant, [u8; 32]), EventKey>,
    pub(super) deliveries: BTreeMap<DeliveryId, Row>,
    /// Final deliveries by the time at which they became final.
    pub(super) finished: ByWork<BTreeSet<(Timestamp, DeliveryId)>>,
    /// Pending deliveries of each lane by the time at which they are due or their lease ends.
    pub(super) lanes: BTreeMap<LaneId, BTreeSet<(Timestamp, DeliveryId)>>,
    /// The deliveries of each lane and ordering key that are not final.
    pub(super) keys: HashMap<(LaneId, Order), Keyed>,
    /// Removed endpoints remain as `None`, so that no delivery to them is ever sent.
    pub(super) endpoints: BTreeMap<EndpointId, Option<Arc<Endpoint>>>,
    /// The tenants of removed endpoints: what failed before is counted for them.
    pub(super) removed: HashMap<EndpointId, Tenant>,
    pub(super) tenants: HashMap<Tenant, BTreeSet<EndpointId>>,
    /// The group of each worker, and the time until which it lives without another heartbeat.
    pub(super) workers: BTreeMap<WorkerId, (&'static str, Timestamp)>,
    pub(super) tally: Tally,
    /// The notes of settlements that are not yet in the rollups.
    pub(super) notes: Vec<u8>,
    pub(super) rollups: Folded,
    pub(super) failures: FailureTable,
    pub(super) audit: AuditTable,
    pub(super) diagnostics: NoteTable,
    pub(super) jobs: JobTable,
    pub(super) placements: BTreeMap<Tenant, Placement>,
}

/// The key of a stored event.
pub(super) fn key_of(event: &Event) -> EventKey {
    (event.audience.work(), event.tenant.clone(), event.id.clone())
}

#[derive(Debug)]
pub(super) struct EventRow {
    pub(super) event: Arc<Event>,
    pub(super) seq: u64,
    pub(super) appended_at: Timestamp,
    /// The lane of each delivery of the event.
    pub(super) lanes: Vec<LaneId>,
    pub(super) expunged: bool,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) event: Arc<Event>,
    /// The event's position in the log.
    pub(super) seq: u64,
    pub(super) lane: LaneId,
    /// `Held` means held by decision; a pending delivery is also shown as held while its endpoint is disabled.
    pub(super) state: DeliveryState,
    pub(super) due: Timestamp,
    pub(super) attempts: u32,
    pub(super) faults: u32,
    pub(super) fence: u64,
    /// Claimed, and neither settled nor released since.
    pub(super) leased: bool,
    pub(super) created_at: Timestamp,
    pub(super) finished_at: Option<Timestamp>,
    pub(super) reason: Option<FailReason>,
    pub(super) log: Vec<Attempt>,
}

impl Row {
    /// A delivery that was never claimed.
    pub(super) const fn pending(event: Arc<Event>, seq: u64, lane: LaneId, due: Timestamp, now: Timestamp) -> Self {
        Self {
            event,
            seq,
            lane,
            state: DeliveryState::Pending,
            due,
            attempts: 0,
            faults: 0,
            fence: 0,
            leased: false,
            created_at: now,
            finished_at: None,
            reason: None,
            log: Vec::new(),
        }
    }

    fn is_leased_by(&self, lease: Lease) -> bool {
        self.state == DeliveryState::Pending && self.fence == lease.fence && self.fence > 0
    }

    fn finish(&mut self, state: DeliveryState, reason: Option<FailReason>, at: Timestamp) {
        (self.state, self.reason, self.finished_at, self.faults) = (state, reason, Some(at), 0);
        self.leased = false;
    }
}

impl Tables {
    /// Adds a delivery.
    pub(super) fn insert(&mut self, id: DeliveryId, row: Row) {
        self.lanes.entry(row.lane).or_default().insert((row.due, id));
        if let Some(order) = &row.event.order {
            self.keys.entry((row.lane, order.clone())).or_default().insert(row.seq, id);
        }
        self.tally.add(row.lane, DeliveryState::Pending);
        self.deliveries.insert(id, row);
    }

    /// Moves a pending delivery in its lane.
    pub(super) fn reschedule(&mut self, id: DeliveryId, due: Timestamp) {
        let Some(row) = self.deliveries.get_mut(&id) else { return };
        let lane = self.lanes.entry(row.lane).or_default();
        lane.remove(&(row.due, id));
        lane.insert((due, id));
        row.due = due;
    }

    fn leave_lane(&mut self, of: LaneId, due: Timestamp, id: DeliveryId) {
        if let Some(lane) = self.lanes.get_mut(&of) {
            lane.remove(&(due, id));
            if lane.is_empty() {
                self.lanes.remove(&of);
            }
        }
    }

    /// Leases up to `max` due deliveries of a lane.
    pub(super) fn claim(&mut self, from: LaneId, max: u32, now: Timestamp, until: Timestamp) -> Vec<Leased> {
        let Some(lane) = self.lanes.get(&from) else { return Vec::new() };
        let due: Vec<_> =
            lane.iter().take_while(|(due, _)| *due <= now).take(max as usize).map(|(_, id)| *id).collect();
        due.into_iter().filter_map(|id| self.lease(id, until)).collect()
    }

    fn lease(&mut self, id: DeliveryId, until: Timestamp) -> Option<Leased> {
        self.reschedule(id, until);
        let row = self.deliveries.get_mut(&id)?;
        row.fence += 1;
        row.attempts += 1;
        row.leased = true;
        let lease = Lease { delivery: id, fence: row.fence };
        let leased = Leased::new(lease, row.lane, row.event.clone(), until).made_at(row.created_at);
        Some(leased.with_counts(row.attempts, row.faults))
    }

    /// Records the end of an attempt, if its lease is still valid.
    pub(super) fn settle(&mut self, settlement: Settlement) -> Settled {
        let id = settlement.lease.delivery;
        let Some(row) = self.deliveries.get_mut(&id).filter(|row| row.is_leased_by(settlement.lease)) else {
            return Settled::LeaseLost;
        };
        let (lane, order) = (row.lane, row.event.order.clone());
        row.leased = false;
        self.note(&settlement);
        if let LaneId::Endpoint(endpoint) = lane {
            self.affect(endpoint, &settlement);
        }
        self.apply(id, &settlement);
        if let Some(order) = order {
            self.arrange(lane, &order, settlement.at);
        }
        if let Some(row) = self.deliveries.get_mut(&id) {
            row.log.extend(settlement.attempt);
        }
        Settled::Done
    }

    fn apply(&mut self, id: DeliveryId, settlement: &Settlement) {
        let Some(row) = self.deliveries.get_mut(&id) else { return };
        match settlement.decision {
            // A settlement ends the lease: a second settlement or a later extension changes nothing.
            Decision::Retry { at: due, .. } => {
                row.faults = 0;
                row.fence += 1;
                self.reschedule(id, due);
            }
            Decision::RetryUncounted { at: due } => {
                row.attempts = row.attempts.saturating_sub(1);
                row.faults += 1;
                row.fence += 1;
                self.reschedule(id, due);
            }
            Decision::Delivered => self.finish(id, DeliveryState::Delivered, None, settlement.at),
            Decision::Fail { reason } | Decision::Disable { reason } => {
                self.finish(id, DeliveryState::Failed, Some(reason), settlement.at);
            }
            Decision::Hold { reason } => self.hold(id, reason, settlement.at),
        }
    }

    /// Removes the delivery from its lane; it still blocks its ordering key.
    fn hold(&mut self, id: DeliveryId, reason: FailReason, at: Timestamp) {
        let Some(row) = self.deliveries.get_mut(&id) else { return };
        let (lane, due) = (row.lane, row.due);
        (row.state, row.reason, row.faults, row.due) = (DeliveryState::Held, Some(reason), 0, at);
        row.fence += 1;
        self.tally.change(lane, DeliveryState::Pending, DeliveryState::Held);
        self.leave_lane(lane, due, id);
    }

    pub(super) fn finish(&mut self, id: DeliveryId, state: DeliveryState, reason: Option<FailReason>, at: Timestamp) {
        let Some(row) = self.deliveries.get_mut(&id) else { return };
        let work = row.lane.work();
        self.tally.change(row.lane, row.state, state);
        row.finish(state, reason, at);
        row.fence += 1;
        let (lane, due, seq, order) = (row.lane, row.due, row.seq, row.event.order.clone());
        self.leave_lane(lane, due, id);
        self.finished.of_mut(work).insert((at, id));
        if let Some(order) = order {
            self.leave_key((lane, order), seq, id);
        }
    }

    fn leave_key(&mut self, key: (LaneId, Order), seq: u64, id: DeliveryId) {
        if self.keys.get_mut(&key).is_some_and(|keyed| keyed.remove(seq, id)) {
            self.keys.remove(&key);
        }
    }

    /// Updates the endpoint's health and applies the effect of a final failure.
    fn affect(&mut self, endpoint: EndpointId, settlement: &Settlement) {
        let Some(Some(kept)) = self.endpoints.get_mut(&endpoint) else { return };
        if let Some(health) = kept.health.after(settlement) {
            Arc::make_mut(kept).health = health;
        }
        let final_failure = matches!(settlement.decision, Decision::Fail { .. } | Decision::Disable { .. });
        if final_failure && let Some(changed) = kept.affected_by(settlement.decision, settlement.at) {
            *kept = Arc::new(changed);
        }
    }

    /// Runs `change` on a pending delivery whose lease is still valid, then makes it due at `due`.
    pub(super) fn under_lease(&mut self, lease: Lease, due: Timestamp, change: impl FnOnce(&mut Row)) -> Settled {
        match self.deliveries.get_mut(&lease.delivery).filter(|row| row.is_leased_by(lease)) {
            Some(row) => {
                change(row);
                self.reschedule(lease.delivery, due);
                Settled::Done
            }
            None => Settled::LeaseLost,
        }
    }

    /// Cancels all pending and held deliveries of a lane, which ends their leases.
    pub(super) fn cancel_lane(&mut self, lane: LaneId, now: Timestamp) {
        let pending = self.lanes.remove(&lane).unwrap_or_default().into_iter().map(|(_, id)| id);
        let held = self.deliveries.iter().filter(|(_, row)| row.lane == lane && row.state == DeliveryState::Held);
        let owed: Vec<_> = pending.chain(held.map(|(id, _)| *id)).collect();
        for id in owed {
            self.finish(id, DeliveryState::Cancelled, None, now);
        }
    }

    /// A delivery as history shows it.
    pub(super) fn show(&self, id: DeliveryId, row: &Row) -> Delivery {
        let mut delivery =
            Delivery::new(id, row.lane, row.event.tenant.clone(), row.event.id.clone(), row.event.event_type.clone());
        delivery.state = self.shown_state(row);
        delivery.attempts = row.attempts;
        delivery.due = row.due;
        delivery.created_at = row.created_at;
        delivery.finished_at = row.finished_at;
        delivery.reason = row.reason;
        delivery
    }

    pub(super) fn shown_state(&self, row: &Row) -> DeliveryState {
        if row.state == DeliveryState::Pending { self.shown_pending(row.lane) } else { row.state }
    }

    /// The state that a pending delivery of the lane is shown in.
    pub(super) fn shown_pending(&self, lane: LaneId) -> DeliveryState {
        match lane.endpoint().and_then(|id| self.endpoints.get(&id)) {
            Some(None) => DeliveryState::Cancelled,
            Some(Some(endpoint)) if !endpoint.is_enabled() => DeliveryState::Held,
            _ => DeliveryState::Pending,
        }
    }

    /// Whether the lane belongs to a removed endpoint.
    pub(super) fn is_removed(&self, lane: LaneId) -> bool {
        lane.endpoint().and_then(|id| self.endpoints.get(&id)).is_some_and(Option::is_none)
    }
}

/// Returns rows in the order that a page requires.
pub(super) fn in_order<'a, C, T>(
    page: Page<C>,
    rows: impl DoubleEndedIterator<Item = T> + 'a,
) -> Box<dyn Iterator<Item = T> + 'a> {
    if page.newest_first { Box::new(rows.rev()) } else { Box::new(rows) }
}

/// A page of what `shown` returns for the rows, of which only some are examined.
pub(super) fn listed<C: Copy, R, T>(
    page: Page<C>,
    rows: impl Iterator<Item = (C, R)>,
    shown: impl Fn(C, R) -> Option<T>,
) -> Listed<T, C> {
    let (mut found, mut examined) = (Vec::new(), None);
    for (count, (cursor, row)) in (0..).zip(rows) {
        if count == MOST_EXAMINED {
            return Listed::cut(found, page.limit, |(cursor, _)| *cursor, examined).map(|(_, item)| item);
        }
        examined = Some(cursor);
        found.extend(shown(cursor, row).map(|item| (cursor, item)));
        if found.len() > page.limit as usize {
            break;
        }
    }
    Listed::cut(found, page.limit, |(cursor, _)| *cursor, None).map(|(_, item)| item)
}

/// The keys of a page and of the pages after it.
pub(super) fn beyond<C>(page: Page<C>) -> (Bound<C>, Bound<C>) {
    let end = page.after.map_or(Bound::Unbounded, Bound::Excluded);
    if page.newest_first { (Bound::Unbounded, end) } else { (end, Bound::Unbounded) }
}
