//! The tables of a simple store, like a database without indexes, and the faults of databases.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use hookwire::clock::Timestamp;
use hookwire::delivery::{Attempt, DeliveryState};
use hookwire::endpoint::Endpoint;
use hookwire::event::{Audience, Event, Order, Origin};
use hookwire::id::{DeliveryId, EndpointId, EventId, LaneId, Tenant, Work, WorkerId};
use hookwire::retry::FailReason;
use hookwire::store::ordering::{Change, KeyedDelivery, Turn, arrange};
use hookwire::store::{AuditEntry, BulkJob, DiagnosticNote, Placement};

use super::bug::Bug;
use super::dedup::Records;
use super::rollups::RollupTables;
use super::staging::Row as StagedRow;

/// Kind of work, tenant and id, as the database compares them.
pub type IdKey = (Work, String, String);

#[derive(Clone, Debug)]
pub struct EventRow {
    pub event: Event,
    pub appended_at: Timestamp,
    pub has_payload: bool,
    /// Whether the event ever had a delivery.
    pub wanted: bool,
}

/// The entry of an event id that is in use.
#[derive(Clone, Debug)]
pub struct Taken {
    pub fingerprint: Option<[u8; 32]>,
    pub appended_at: Timestamp,
}

#[derive(Clone, Debug)]
pub struct Row {
    pub seq: i64,
    pub lane: LaneId,
    pub state: DeliveryState,
    pub due: Timestamp,
    pub attempts: u32,
    pub faults: u32,
    pub fence: u64,
    pub leased: bool,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub reason: Option<FailReason>,
}

impl Row {
    pub const fn pending(seq: i64, lane: LaneId, due: Timestamp, now: Timestamp) -> Self {
        Self {
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
        }
    }

    pub fn is_pending(&self) -> bool {
        self.state == DeliveryState::Pending
    }
}

#[derive(Clone, Debug, Default)]
pub struct Db {
    pub bug: Option<Bug>,
    pub events: BTreeMap<i64, EventRow>,
    pub ids: HashMap<IdKey, Taken>,
    pub replays: HashMap<(String, [u8; 32]), IdKey>,
    pub deliveries: BTreeMap<DeliveryId, Row>,
    pub attempts: Vec<(DeliveryId, Attempt)>,
    /// Removed endpoints stay as `None`.
    pub endpoints: BTreeMap<EndpointId, Option<Endpoint>>,
    /// The endpoint as it was before it was removed, for faults that show it.
    pub removed: BTreeMap<EndpointId, Endpoint>,
    pub workers: BTreeMap<WorkerId, (String, Timestamp)>,
    pub staged: Vec<StagedRow>,
    pub records: Records,
    pub rollups: RollupTables,
    pub audit: Vec<AuditEntry>,
    pub diagnostics: Vec<DiagnosticNote>,
    pub jobs: BTreeMap<u64, BulkJob>,
    pub placements: BTreeMap<String, (Tenant, Placement)>,
    /// The highest number of an audit entry that was ever used.
    pub audited: u64,
    pub last_seq: i64,
}

impl Db {
    /// Whether this fault is planted.
    pub fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// A time with the precision of its column.
    pub fn time(&self, at: Timestamp) -> Timestamp {
        match self.bug {
            Some(Bug::TimesInSeconds) if at < Timestamp::MAX => Timestamp::from_secs(at.as_secs()),
            Some(Bug::TimesInMillis) if at < Timestamp::MAX => Timestamp::from_millis(at.as_millis()),
            _ => at,
        }
    }

    /// A text as its column stores it.
    pub fn text(&self, text: &str) -> String {
        match self.bug {
            Some(Bug::TextCutAt100) => text.chars().take(100).collect(),
            Some(Bug::TextIsLossy) => text.chars().filter(|c| (*c as u32) < 0x1_0000 && *c != '\u{200b}').collect(),
            _ => text.into(),
        }
    }

    /// A text as the collation of its column compares it.
    pub fn key(&self, text: &str) -> String {
        let text = self.text(text);
        match self.bug {
            Some(Bug::TextFoldsCase) => text.to_lowercase(),
            Some(Bug::TextTrimsEnd) => text.trim_end().into(),
            Some(Bug::TextFoldsAccents) => text.replace(['á', 'ａ'], "a").replace(['\u{301}', '\u{200b}'], ""),
            _ => text,
        }
    }

    pub fn id_key(&self, work: Work, tenant: &Tenant, id: &EventId) -> IdKey {
        let work = if self.has(Bug::IdsSharedByKinds) { Work::Sent } else { work };
        let tenant = if self.has(Bug::IdsSharedByTenants) { String::new() } else { self.key(tenant.as_str()) };
        (work, tenant, self.key(id.as_str()))
    }

    pub fn key_of(&self, event: &Event) -> IdKey {
        self.id_key(event.audience.work(), &event.tenant, &event.id)
    }

    /// An event as its row stores it.
    pub fn kept(&self, event: &Event) -> Event {
        let mut kept = event.clone();
        kept.tenant = Tenant::from(self.text(event.tenant.as_str()));
        kept.occurred_at = self.time(event.occurred_at);
        kept.expires_at = event.expires_at.map(|at| self.time(at));
        match self.bug {
            Some(Bug::EventLosesTenant) => kept.tenant = Tenant::default(),
            Some(Bug::EventLosesContentType) => kept.content_type = "application/json".into(),
            Some(Bug::EventLosesOccurredAt) => {
                kept.occurred_at = Timestamp::from_micros(kept.occurred_at.as_micros().max(0));
            }
            Some(Bug::EventLosesOrder) => {
                kept.order = kept.order.map(|order| Order::fifo(order.key()).unwrap());
            }
            Some(Bug::EventLosesExpiry) => kept.expires_at = None,
            Some(Bug::EventLosesAudience) if kept.audience == Audience::Direct => kept.audience = Audience::Subscribers,
            Some(Bug::EventLosesOrigin) => kept.origin = None,
            Some(Bug::EventLosesOriginHeaders) => kept.origin = kept.origin.map(|origin| headerless(&origin).into()),
            Some(Bug::EventTypeIsFolded) => {
                kept.event_type = kept.event_type.as_str().replace('_', "-").parse().unwrap();
            }
            Some(Bug::PayloadIsText) => kept.payload = String::from_utf8_lossy(&kept.payload).into_owned().into(),
            Some(Bug::PayloadCutAt64K) => kept.payload.truncate(65_535),
            Some(Bug::EmptyTextIsNull) if kept.payload.is_empty() => kept.payload = Bytes::from_static(b"null"),
            Some(Bug::TextCutAt100) => {
                kept.order = kept.order.map(|order| order_of(&order, self.text(order.key())));
            }
            _ => {}
        }
        kept
    }

    pub fn event_of(&self, row: &Row) -> &EventRow {
        &self.events[&row.seq]
    }

    pub fn find(&self, work: Work, tenant: &Tenant, id: &EventId) -> Option<i64> {
        let wanted = self.id_key(work, tenant, id);
        let is_wanted = |kept: &&EventRow| {
            let key = self.key_of(&kept.event);
            key == wanted || self.has(Bug::EventOfAnyTenant) && (key.0, &key.2) == (wanted.0, &wanted.2)
        };
        self.events.iter().find(|(_, kept)| is_wanted(kept)).map(|(seq, _)| *seq)
    }

    /// The lane of a delivery and the key of its event, if it is ordered.
    fn ordered(&self, row: &Row) -> Option<(Option<LaneId>, Order)> {
        let order = self.event_of(row).event.order.clone()?;
        let lane = (!self.has(Bug::KeysSharedByLanes)).then_some(row.lane);
        let folds = self.has(Bug::KeysAreFolded);
        let key = self.key(order.key());
        Some((lane, order_of(&order, if folds { key.to_lowercase() } else { key })))
    }

    /// Restores the order of the delivery's ordering key.
    pub fn arrange(&mut self, id: DeliveryId, now: Timestamp) {
        let Some(row) = self.deliveries.get(&id) else { return };
        let Some((lane, order)) = self.ordered(row) else { return };
        let of_key = |row: &Row| !row.state.is_final() && self.ordered(row).as_ref() == Some(&(lane, order.clone()));
        let rows: Vec<_> =
            self.deliveries.iter().filter(|(_, row)| of_key(row)).map(|(id, row)| self.keyed(*id, row)).collect();
        if self.has(Bug::FifoIsIgnored) && !order.is_latest() || self.has(Bug::LatestKeepsAll) && order.is_latest() {
            return;
        }
        for change in arrange(&order, &rows) {
            self.change(change, now);
        }
    }

    fn keyed(&self, id: DeliveryId, row: &Row) -> KeyedDelivery {
        let by_id = i64::from_be_bytes(id.as_bytes()[8..].try_into().unwrap());
        let place = match self.bug {
            Some(Bug::FifoByDeliveryId) => by_id,
            Some(Bug::FifoByOccurrence) => self.event_of(row).event.occurred_at.as_micros(),
            Some(Bug::LatestKeepsTheOldest) if self.event_of(row).event.order.as_ref().unwrap().is_latest() => -row.seq,
            Some(Bug::FifoReleasedIsOvertaken) if row.faults == 0 && row.fence > 0 && !row.leased => i64::MAX,
            _ => row.seq,
        };
        let turn = match row.state {
            DeliveryState::Held => Turn::Held,
            _ if row.leased && !self.has(Bug::LatestSupersedesLeased) => Turn::Leased,
            _ if row.due == Timestamp::MAX => Turn::Waiting,
            _ => Turn::Ready,
        };
        KeyedDelivery { id, place, turn }
    }

    fn change(&mut self, change: Change, now: Timestamp) {
        let waits =
            if self.has(Bug::WaitingIsDueAtOnce) { Timestamp::from_micros(i64::MAX - 1) } else { Timestamp::MAX };
        match change {
            Change::Promote(_) if self.has(Bug::FollowerIsForgotten) => {}
            Change::Promote(id) => self.deliveries.get_mut(&id).unwrap().due = now,
            Change::Block(id) => self.deliveries.get_mut(&id).unwrap().due = waits,
            Change::Supersede(id) => self.finish(id, DeliveryState::Cancelled, Some(FailReason::Superseded), now),
        }
    }

    pub fn finish(&mut self, id: DeliveryId, state: DeliveryState, reason: Option<FailReason>, at: Timestamp) {
        let at = self.time(at);
        let keeps_lease = self.has(Bug::SettleKeepsTheLease);
        let finished_at = match self.bug {
            Some(Bug::FinishedAtIsMissing) => None,
            Some(Bug::FinishedAtIsDue) => self.deliveries.get(&id).map(|row| row.due),
            Some(Bug::CancelLosesTheTime) if state == DeliveryState::Cancelled => Some(self.deliveries[&id].created_at),
            _ => Some(at),
        };
        let Some(row) = self.deliveries.get_mut(&id) else { return };
        (row.state, row.reason, row.finished_at, row.faults, row.leased) = (state, reason, finished_at, 0, false);
        row.fence += u64::from(!keeps_lease);
    }

    /// The state as the history shows it.
    pub fn shown_state(&self, row: &Row) -> DeliveryState {
        if self.has(Bug::HeldIsNotShown) {
            return row.state;
        }
        let kept = row.lane.endpoint().and_then(|id| self.endpoints.get(&id));
        match kept {
            Some(None) if !row.state.is_final() => DeliveryState::Cancelled,
            Some(Some(endpoint))
                if !endpoint.is_enabled() && (row.is_pending() || self.has(Bug::FinalIsShownAsHeld)) =>
            {
                DeliveryState::Held
            }
            _ => row.state,
        }
    }

    pub fn is_removed(&self, lane: LaneId) -> bool {
        lane.endpoint().is_some_and(|id| matches!(self.endpoints.get(&id), Some(None)))
    }
}

fn headerless(origin: &Origin) -> Origin {
    let mut bare = origin.clone();
    bare.headers.clear();
    bare
}

/// The questions that the transactions of the simple store ask.
impl Db {
    /// Whether a delivery of the append has an id that a pending or held delivery has.
    pub fn has_delivery_of(&self, append: &hookwire::store::Append) -> bool {
        let is_open = |id: &DeliveryId| self.deliveries.get(id).is_some_and(|row| !row.state.is_final());
        append.deliveries.iter().any(|delivery| is_open(&delivery.id)) && self.check(append).is_none()
    }

    /// Whether a put would give the endpoint to another tenant.
    pub fn changes_tenant(&self, endpoint: &Endpoint) -> bool {
        let kept = self.endpoints.get(&endpoint.id).and_then(Option::as_ref);
        kept.is_some_and(|kept| kept.tenant.as_str() != self.text(endpoint.tenant.as_str()))
    }

    /// Whether another delivery of the append's ordering key is open.
    pub fn is_key_busy(&self, append: &hookwire::store::Append) -> bool {
        let same = |row: &Row| append.deliveries.iter().any(|delivery| delivery.lane == row.lane);
        let order = &append.event.order;
        self.deliveries
            .values()
            .any(|row| !row.state.is_final() && same(row) && self.event_of(row).event.order == *order)
    }
}

/// The order with another key.
fn order_of(order: &Order, key: String) -> Order {
    if order.is_latest() { Order::latest(key) } else { Order::fifo(key) }.unwrap()
}
