//! What the stores in SQL have in common: how states, ordering keys and staged rows are written.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::delivery::DeliveryState;
use crate::event::{EventError, NewEvent, Order, OrderingKey};
use crate::id::{DeliveryId, EventId, IdError};
use crate::store::Page;

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

/// Versions and fences are kept in the databases' signed integers.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
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
