//! Columns to values and back.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};
use uuid::Uuid;

use super::error::StoreFailure;
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery, Lease};
use crate::endpoint::Health;
use crate::event::{Audience, Event, EventType};
use crate::id::{DeliveryId, EndpointId, EventId, LaneId, Tenant};
use crate::outcome::Outcome;
use crate::retry::FailReason;
pub(super) use crate::store::sql::signed;
use crate::store::sql::{restore_audience, restore_lane, restore_order, restore_origin, shown_state};

/// A batch is sent as arrays.
pub(super) const UUIDS: Type = Type::UUID_ARRAY;
pub(super) const LONGS: Type = Type::INT8_ARRAY;
pub(super) const INTS: Type = Type::INT4_ARRAY;
pub(super) const SHORTS: Type = Type::INT2_ARRAY;
pub(super) const TEXTS: Type = Type::TEXT_ARRAY;
pub(super) const BYTES: Type = Type::BYTEA_ARRAY;
pub(super) const BOOLS: Type = Type::BOOL_ARRAY;

pub(super) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: &str) -> Result<T, StoreFailure> {
    row.try_get(column).map_err(StoreFailure::unreadable)
}

pub(super) fn time(row: &Row, column: &str) -> Result<Timestamp, StoreFailure> {
    get(row, column).map(Timestamp::from_micros)
}

pub(super) fn count(row: &Row, column: &str) -> Result<u32, StoreFailure> {
    u32::try_from(get::<i32>(row, column)?).map_err(StoreFailure::unreadable)
}

pub(super) fn fence(row: &Row, column: &str) -> Result<u64, StoreFailure> {
    u64::try_from(get::<i64>(row, column)?).map_err(StoreFailure::unreadable)
}

/// The fence of a lease, to be compared with a stored one.
pub(super) fn lease_fence(lease: Lease) -> i64 {
    signed(lease.fence)
}

pub(super) const fn uuid_of_delivery(id: DeliveryId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

pub(super) const fn uuid_of_endpoint(id: EndpointId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

pub(super) fn delivery_id(row: &Row, column: &str) -> Result<DeliveryId, StoreFailure> {
    get::<Uuid>(row, column).map(|id| DeliveryId::from_bytes(id.into_bytes()))
}

pub(super) fn endpoint_id(row: &Row, column: &str) -> Result<EndpointId, StoreFailure> {
    get::<Uuid>(row, column).map(|id| EndpointId::from_bytes(id.into_bytes()))
}

pub(super) fn lane(row: &Row, column: &str) -> Result<LaneId, StoreFailure> {
    restore_lane(get(row, column)?).ok_or_else(|| StoreFailure::unreadable("unknown lane"))
}

pub(super) fn audience(row: &Row, column: &str) -> Result<Audience, StoreFailure> {
    restore_audience(get(row, column)?).ok_or_else(|| StoreFailure::unreadable("unknown audience"))
}

pub(super) fn tenant(row: &Row, column: &str) -> Result<Tenant, StoreFailure> {
    get::<&str>(row, column).map(Tenant::from)
}

pub(super) fn event_id(row: &Row, column: &str) -> Result<EventId, StoreFailure> {
    EventId::new(get::<&str>(row, column)?).map_err(StoreFailure::unreadable)
}

pub(super) fn event_type(row: &Row, column: &str) -> Result<EventType, StoreFailure> {
    EventType::new(get::<&str>(row, column)?).map_err(StoreFailure::unreadable)
}

/// The columns of `e` that [`event`] reads. They have names of their own, because a delivery's columns are in the same row.
macro_rules! event_columns {
    () => {
        "e.tenant AS event_tenant, e.id AS event_id, e.type AS event_type, e.content_type, e.occurred_at, \
         e.order_key AS event_order, e.expires_at, e.audience, e.origin, e.body"
    };
}
pub(super) use event_columns;

pub(super) fn event(row: &Row) -> Result<Event, StoreFailure> {
    let (id, kind, tenant) = (event_id(row, "event_id")?, event_type(row, "event_type")?, tenant(row, "event_tenant")?);
    let mut event = Event::restore(id, kind, tenant, time(row, "occurred_at")?, get::<Vec<u8>>(row, "body")?.into());
    event.content_type = Arc::from(get::<&str>(row, "content_type")?);
    event.order = get::<Option<&str>>(row, "event_order")?.and_then(restore_order);
    event.expires_at = get::<Option<i64>>(row, "expires_at")?.map(Timestamp::from_micros);
    event.audience = audience(row, "audience")?;
    event.origin = restore_origin(get(row, "origin")?).map_err(StoreFailure::unreadable)?;
    Ok(event)
}

/// The endpoint of a delivery `d`, or `NULL` for a delivery of a queue. With this expression an endpoint is found by its primary key.
macro_rules! endpoint_of {
    () => {
        "CASE WHEN length(d.lane) = 16 THEN encode(d.lane, 'hex')::uuid END"
    };
}
pub(super) use endpoint_of;

/// A delivery with its event's names, and the state of its endpoint, if it has one.
pub(super) const DELIVERY_COLUMNS: &str = "d.id, d.lane, d.state, d.due, d.attempts, d.created_at, d.finished_at, \
     d.reason, e.tenant AS event_tenant, e.id AS event_id, e.type AS event_type, n.state AS endpoint_state";

/// The tables of [`DELIVERY_COLUMNS`], with deliveries from `from`.
pub(super) fn deliveries(from: &str) -> String {
    format!(
        "FROM {from} d JOIN hookwire.event e ON e.key = d.event LEFT JOIN hookwire.endpoint n ON n.id = {}",
        endpoint_of!()
    )
}

/// A delivery from [`DELIVERY_COLUMNS`].
pub(super) fn delivery(row: &Row) -> Result<Delivery, StoreFailure> {
    let mut delivery = Delivery::new(
        delivery_id(row, "id")?,
        lane(row, "lane")?,
        tenant(row, "event_tenant")?,
        event_id(row, "event_id")?,
        event_type(row, "event_type")?,
    );
    delivery.state = shown_state(get(row, "state")?, get(row, "endpoint_state")?);
    delivery.attempts = count(row, "attempts")?;
    delivery.due = time(row, "due")?;
    delivery.created_at = time(row, "created_at")?;
    delivery.finished_at = get::<Option<i64>>(row, "finished_at")?.map(Timestamp::from_micros);
    delivery.reason = get::<Option<&str>>(row, "reason")?.and_then(FailReason::from_name);
    Ok(delivery)
}

/// Reads health from columns that are all `NULL` for an endpoint without attempts.
pub(super) fn health(row: &Row) -> Result<Health, StoreFailure> {
    let at = |column| Ok::<_, StoreFailure>(get::<Option<i64>>(row, column)?.map(Timestamp::from_micros));
    let failures = get::<Option<i32>>(row, "failures")?.and_then(|count| u32::try_from(count).ok());
    let failing = at("failing_since")?.zip(at("last_failure")?).zip(failures);
    let failing = failing.map(|((since, last), failures)| (since, last, failures));
    Ok(Health::restore(failing, at("last_success")?, at("paused_until")?))
}

/// An attempt as a line of a delivery's log.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    n: u32,
    at: Timestamp,
    us: u64,
    class: &'a str,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    excerpt: Option<std::borrow::Cow<'a, str>>,
}

/// The line that an attempt adds to its delivery's log.
pub(super) fn log_line(attempt: &Attempt) -> Result<String, StoreFailure> {
    let line = Line {
        n: attempt.number,
        at: attempt.at,
        us: u64::try_from(attempt.duration.as_micros()).unwrap_or(u64::MAX),
        class: attempt.outcome.class(),
        status: attempt.outcome.status(),
        excerpt: attempt.excerpt.as_deref().map(Into::into),
    };
    let mut text = serde_json::to_string(&line).map_err(StoreFailure::unreadable)?;
    text.push('\n');
    Ok(text)
}

/// The attempts of a log, in order.
pub(super) fn read_log(log: &str) -> Result<Vec<Attempt>, StoreFailure> {
    log.lines().map(read_line).collect()
}

fn read_line(text: &str) -> Result<Attempt, StoreFailure> {
    let line: Line<'_> = serde_json::from_str(text).map_err(StoreFailure::unreadable)?;
    let outcome =
        Outcome::from_parts(line.class, line.status).ok_or_else(|| StoreFailure::unreadable("unknown outcome"))?;
    let attempt = Attempt::new(line.n, line.at, Duration::from_micros(line.us), outcome);
    Ok(attempt.with_excerpt(line.excerpt.map(|excerpt| excerpt.into_owned().into())))
}
