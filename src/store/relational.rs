//! What the stores in SQL have in common: how states, lanes, audiences, ordering keys and staged rows are written.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::delivery::DeliveryState;
use crate::event::{Audience, Event, EventError, NewEvent, Order, OrderingKey, Origin};
use crate::id::{DeliveryId, EndpointId, EventId, IdError, LaneId, QueueName, Work};
use crate::store::{DedupGroup, EventQuery, Page};

/// States of a delivery; 0 is pending.
pub(super) const DELIVERED: i16 = 1;
pub(super) const FAILED: i16 = 2;
pub(super) const CANCELLED: i16 = 3;
pub(super) const HELD: i16 = 4;

/// States of an endpoint.
pub(super) const ENABLED: i16 = 0;
pub(super) const DISABLED: i16 = 1;
pub(super) const REMOVED: i16 = 2;

/// Whether an endpoint of this version may follow what is found under its id: a version and a state.
pub(super) fn succeeds(version: u64, found: Option<(i64, i16)>) -> bool {
    let expected = match found {
        None => 1,
        Some((_, REMOVED)) => return false,
        Some((version, _)) => version.saturating_add(1),
    };
    signed(version) == expected
}

/// An endpoint that does not read costs itself only. What it would have been sent is not lost: a replay finds it once the row reads
/// again.
pub(super) fn leave_out(id: &dyn std::fmt::Display, error: &dyn std::fmt::Display) {
    tracing::error!(endpoint = %id, reason = %error, "a stored endpoint does not read and is left out");
}

/// Versions and fences are kept in the databases' signed integers.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The number of a row that somebody else may have given it, bit for bit: a negative one is as good as any.
pub(super) const fn row_number(seq: i64) -> u64 {
    u64::from_ne_bytes(seq.to_ne_bytes())
}

/// The other way round.
pub(super) const fn row_seq(row: u64) -> i64 {
    i64::from_ne_bytes(row.to_ne_bytes())
}

impl<C> Page<C> {
    /// What compares what is behind a place with it, and how rows are ordered.
    pub(super) const fn direction(&self) -> (&'static str, &'static str) {
        if self.newest_first { ("<", "DESC") } else { (">", "ASC") }
    }
}

/// Where a page by number begins, excluded.
pub(super) fn cursor(page: Page<u64>) -> i64 {
    page.after.map_or(if page.newest_first { i64::MAX } else { 0 }, signed)
}

/// How far the time in a delivery's id may be from when it was made.
const SLACK: Duration = Duration::from_secs(3_600);

/// The ids that deliveries made in a span of time have, and others: a delivery's id sorts by when it was made.
pub(super) fn ids_made(from: Option<Timestamp>, to: Option<Timestamp>) -> (Option<DeliveryId>, Option<DeliveryId>) {
    (from.map(|from| first_id(from - SLACK)), to.map(|to| first_id(to + SLACK)))
}

/// The lowest UUIDv7 of this millisecond (RFC 9562 section 5.7).
pub(super) fn first_id(at: Timestamp) -> DeliveryId {
    let millis = u64::try_from(at.as_millis()).unwrap_or(0).min((1 << 48) - 1);
    DeliveryId::from_bytes((u128::from(millis) << 80).to_be_bytes())
}

/// When a delivery is due that waits for its turn.
pub(super) const NEVER: i64 = Timestamp::MAX.as_micros();

/// How long an endpoint is as a lane. A queue is never so long, so that each tells the other apart.
const ENDPOINT_BYTES: usize = 16;

/// What a queue begins with.
pub(super) const QUEUE: u8 = 0xff;

/// A lane as its column has it: an endpoint is its 16 bytes; a queue is `0xff` and its name, and a zero where that would be 16
/// bytes.
pub(super) fn lane_column(lane: LaneId) -> Vec<u8> {
    let name = match lane {
        LaneId::Endpoint(id) => return id.as_bytes().to_vec(),
        LaneId::Queue(name) => name,
    };
    let mut bytes = Vec::with_capacity(name.as_str().len() + 2);
    bytes.push(QUEUE);
    bytes.extend_from_slice(name.as_str().as_bytes());
    if bytes.len() == ENDPOINT_BYTES {
        bytes.push(0);
    }
    bytes
}

/// A lane from its column; `None` for what does not read.
pub(super) fn restore_lane(column: &[u8]) -> Option<LaneId> {
    if let Ok(bytes) = <[u8; ENDPOINT_BYTES]>::try_from(column) {
        return Some(LaneId::Endpoint(EndpointId::from_bytes(bytes)));
    }
    let name = column.strip_prefix(&[QUEUE])?;
    let name = name.strip_suffix(&[0]).unwrap_or(name);
    QueueName::new(std::str::from_utf8(name).ok()?).ok().map(LaneId::Queue)
}

/// The lanes of one kind of work; the indexes that hold one kind only say the same.
macro_rules! lanes_of {
    ($column:literal, $work:expr) => {
        match $work {
            crate::id::Work::Sent => concat!("length(", $column, ") = 16"),
            crate::id::Work::Received => concat!("length(", $column, ") <> 16"),
        }
    };
}
pub(super) use lanes_of;

/// The events of one kind of work; the indexes that hold one kind only say the same.
macro_rules! events_of {
    ($column:literal, $work:expr) => {
        match $work {
            crate::id::Work::Sent => concat!($column, " < 2"),
            crate::id::Work::Received => concat!($column, " = 2"),
        }
    };
}
pub(super) use events_of;

/// The condition, on an event `e`, that a query's audience asks for.
pub(super) fn audience_condition(query: &EventQuery) -> String {
    let of_work = events_of!("e.audience", query.work());
    match query.audience {
        Some(audience) => format!("{of_work} AND e.audience = {}", audience_column(audience)),
        None => of_work.into(),
    }
}

/// An audience as its column has it.
pub(super) const fn audience_column(audience: Audience) -> i16 {
    match audience {
        Audience::Subscribers => 0,
        Audience::Direct => 1,
        Audience::Inbox => 2,
    }
}

/// An audience from its column; `None` for what does not read.
pub(super) const fn restore_audience(column: i16) -> Option<Audience> {
    match column {
        0 => Some(Audience::Subscribers),
        1 => Some(Audience::Direct),
        2 => Some(Audience::Inbox),
        _ => None,
    }
}

/// An origin as its column has it: JSON.
pub(super) fn origin_column(event: &Event) -> Option<String> {
    event.origin.as_ref().and_then(|origin| serde_json::to_string(&**origin).ok())
}

/// An origin from its column.
pub(super) fn restore_origin(column: Option<&str>) -> serde_json::Result<Option<Arc<Origin>>> {
    column.map(|text| serde_json::from_str(text).map(Arc::new)).transpose()
}

/// Under what an event's id is taken. What is received has a namespace of its own, that no event's id is in.
pub(super) fn publish_key(work: Work, id: &EventId) -> Cow<'_, str> {
    match work {
        Work::Sent => Cow::Borrowed(id.as_str()),
        Work::Received => Cow::Owned(format!(":{id}")),
    }
}

/// Under what the signed bytes of a received event are taken, where they are.
pub(super) fn replay_key(event: &Event) -> Option<String> {
    event.replay().map(|digest| format!("{REPLAY}{}", hex::encode(digest)))
}

/// What such a key begins with; no key of an id does.
pub(super) const REPLAY: &str = ":r";

/// The keys of received events of one group, which is a part of their ids: from the first on, and before the second.
pub(super) fn keys_of_group(group: &DedupGroup) -> (String, String) {
    let group = hex::encode(group.as_bytes());
    (format!(":evt_{group}_"), format!(":evt_{group}`"))
}

/// The ids that are taken by one kind of work.
pub(super) const fn keys_of(work: Work) -> &'static str {
    match work {
        Work::Sent => "substr(id, 1, 1) <> ':'",
        Work::Received => "substr(id, 1, 1) = ':'",
    }
}

/// What a delivery's state is called, given its endpoint's.
pub(super) const fn shown_state(state: i16, endpoint: Option<i16>) -> DeliveryState {
    match (state, endpoint) {
        (DELIVERED, _) => DeliveryState::Delivered,
        (FAILED, _) => DeliveryState::Failed,
        (HELD, _) => DeliveryState::Held,
        (CANCELLED, _) | (_, Some(REMOVED)) => DeliveryState::Cancelled,
        (_, Some(DISABLED)) => DeliveryState::Held,
        _ => DeliveryState::Pending,
    }
}

/// The condition, on a delivery `d` with its endpoint `n`, that [`shown_state`] turns into this state.
pub(super) const fn state_condition(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "d.state = 0 AND coalesce(n.state, 0) = 0",
        DeliveryState::Held => "(d.state = 4 OR (d.state = 0 AND n.state = 1))",
        DeliveryState::Delivered => "d.state = 1",
        DeliveryState::Failed => "d.state = 2",
        DeliveryState::Cancelled => "(d.state = 3 OR (d.state = 0 AND n.state = 2))",
    }
}

/// A key as the tables have it.
pub(super) fn order_column(order: &Order) -> String {
    let kind = if order.is_latest() { 'l' } else { 'f' };
    format!("{kind}{}", order.key())
}

/// A key from its column; `None` for what does not read.
pub(super) fn restore_order(column: &str) -> Option<Order> {
    let kind = column.get(..1)?;
    let key = OrderingKey::new(column.get(1..)?).ok()?;
    match kind {
        "f" => Some(Order::Fifo(key)),
        "l" => Some(Order::Latest(key)),
        _ => None,
    }
}

/// How many bytes of data one look at the outbox brings, unless a single row has more.
pub(super) const STAGED_BYTES: usize = 16 * 1024 * 1024;

/// How many bytes everything of a row but its data may have.
pub(super) const MAX_ROW: i64 = 8 * 1024;

/// A row of the outbox that was not read.
pub(super) fn too_long(data: i64, longest: usize) -> String {
    if usize::try_from(data).is_ok_and(|data| data <= longest) {
        format!("the columns beside data: have more than {MAX_ROW} bytes, shorten them")
    } else {
        format!("data: has {data} bytes, at most {longest} are allowed")
    }
}

/// A row that somebody else has written into the outbox.
pub(super) struct OutboxRow {
    pub(super) event_type: String,
    pub(super) data: Vec<u8>,
    pub(super) tenant: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) id: Option<String>,
    pub(super) occurred_at: Option<i64>,
    pub(super) fifo_key: Option<String>,
    pub(super) latest_key: Option<String>,
    pub(super) expires_at: Option<i64>,
}

impl OutboxRow {
    /// What the row says. A row that says nonsense is the writer's mistake, not the store's.
    pub(super) fn event(self) -> Result<NewEvent, String> {
        let why = |error: EventError| error.to_string();
        let made = match self.content_type {
            Some(content_type) => NewEvent::raw(&self.event_type, &content_type, self.data),
            None => {
                let json = serde_json::from_slice::<&serde_json::value::RawValue>(&self.data);
                NewEvent::json(&self.event_type, json.map_err(|error| format!("data: is not JSON: {error}"))?)
            }
        };
        let mut event = made.map_err(why)?.tenant(self.tenant.unwrap_or_default());
        if let Some(id) = self.id {
            event = event.id(EventId::new(id).map_err(|error| error.to_string())?);
        }
        if let Some(at) = self.occurred_at {
            event = event.occurred_at(Timestamp::from_micros(at));
        }
        if let Some(at) = self.expires_at {
            event = event.expires_at(Timestamp::from_micros(at));
        }
        match (self.fifo_key, self.latest_key) {
            (Some(key), _) => event.ordered_by(key).map_err(why),
            (None, Some(key)) => event.latest_by(key).map_err(why),
            (None, None) => Ok(event),
        }
    }
}

/// An event as the columns of a row that is staged in the caller's own transaction.
pub(super) struct Staging<'a> {
    pub(super) event_type: &'a str,
    pub(super) data: &'a [u8],
    pub(super) tenant: &'a str,
    /// `None`: the data is JSON.
    pub(super) content_type: Option<&'a str>,
    pub(super) id: EventId,
    pub(super) occurred_at: Option<i64>,
    pub(super) fifo_key: Option<&'a str>,
    pub(super) latest_key: Option<&'a str>,
    pub(super) expires_at: Option<i64>,
}

impl<'a> Staging<'a> {
    /// Under the caller's id, or one that is made now. An error when the tenant's name is malformed.
    pub(super) fn of(event: &'a NewEvent, now: Timestamp) -> Result<Self, IdError> {
        let parts = event.parts();
        parts.tenant.check()?;
        let key = |latest| parts.order.filter(|order| order.is_latest() == latest).map(|order| order.key().as_str());
        Ok(Self {
            event_type: parts.event_type.as_str(),
            data: parts.data,
            tenant: parts.tenant.as_str(),
            content_type: (!parts.enveloped).then_some(parts.content_type),
            id: parts.id.cloned().unwrap_or_else(|| EventId::generate(now)),
            occurred_at: parts.occurred_at.map(Timestamp::as_micros),
            fifo_key: key(false),
            latest_key: key(true),
            expires_at: parts.expires_at.map(Timestamp::as_micros),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_read_back_and_no_queue_is_taken_for_an_endpoint() {
        let endpoint = LaneId::from(EndpointId::from_bytes([0xff; 16]));
        let queues = (1..=32).map(|length| LaneId::from(QueueName::new(&"q".repeat(length)).unwrap()));
        let lanes: Vec<_> = queues.chain([endpoint]).collect();
        let columns: Vec<_> = lanes.iter().map(|lane| lane_column(*lane)).collect();
        for (lane, column) in lanes.iter().zip(&columns) {
            assert_eq!(restore_lane(column), Some(*lane));
            assert_eq!(column.len() == ENDPOINT_BYTES, lane.work() == Work::Sent, "{lane}");
        }
        assert!(columns.iter().enumerate().all(|(n, column)| !columns[..n].contains(column)));
        assert_eq!(restore_lane(b"short"), None);
    }

    #[test]
    fn the_key_of_a_received_event_is_no_event_id() {
        let id = EventId::new("order-1").unwrap();
        assert_eq!(publish_key(Work::Sent, &id), "order-1");
        assert!(EventId::new(publish_key(Work::Received, &id)).is_err());
    }
}
