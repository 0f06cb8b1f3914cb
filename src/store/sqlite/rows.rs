//! Columns to values and back.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::types::Type;

use super::session::Session;
use rusqlite::{OptionalExtension, Row};

use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery, Lease};
use crate::endpoint::{Endpoint, EndpointRecord, Health};
use crate::event::{Audience, Event, EventType};
use crate::id::{DeliveryId, EndpointId, EventId, LaneId, Tenant};
use crate::outcome::Outcome;
use crate::retry::FailReason;
use crate::secret::KeyProvider;
pub(super) use crate::store::sql::signed;
use crate::store::sql::{
    DISABLED, ENABLED, restore_audience, restore_lane, restore_order, restore_origin, shown_state,
};

/// The error for a value that hookwire does not write.
pub(super) fn unreadable<E>(column: usize, error: E) -> rusqlite::Error
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    rusqlite::Error::FromSqlConversionFailure(column, Type::Null, error.into())
}

/// Whether the error means that a row is unreadable.
pub(super) const fn is_unreadable(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
    matches!(error, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) | Utf8Error(..))
}

pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_micros)
}

pub(super) fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u32> {
    let count: i64 = row.get(column)?;
    u32::try_from(count).map_err(|error| unreadable(column, error))
}

pub(super) fn fence(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let fence: i64 = row.get(column)?;
    u64::try_from(fence).map_err(|error| unreadable(column, error))
}

/// The fence of a lease, to be compared with a stored one. Fence 0 is that of a delivery that was never claimed: no lease has it.
pub(super) fn lease_fence(lease: Lease) -> i64 {
    if lease.fence == 0 { -1 } else { signed(lease.fence) }
}

pub(super) fn delivery_id(row: &Row<'_>, column: usize) -> rusqlite::Result<DeliveryId> {
    row.get(column).map(DeliveryId::from_bytes)
}

pub(super) fn endpoint_id(row: &Row<'_>, column: usize) -> rusqlite::Result<EndpointId> {
    row.get(column).map(EndpointId::from_bytes)
}

pub(super) fn lane(row: &Row<'_>, column: usize) -> rusqlite::Result<LaneId> {
    restore_lane(row.get_ref(column)?.as_blob()?).ok_or_else(|| unreadable(column, "unknown lane"))
}

pub(super) fn audience(row: &Row<'_>, column: usize) -> rusqlite::Result<Audience> {
    restore_audience(row.get(column)?).ok_or_else(|| unreadable(column, "unknown audience"))
}

pub(super) fn tenant(row: &Row<'_>, column: usize) -> rusqlite::Result<Tenant> {
    Ok(Tenant::from(row.get_ref(column)?.as_str()?))
}

pub(super) fn event_id(row: &Row<'_>, column: usize) -> rusqlite::Result<EventId> {
    EventId::new(row.get_ref(column)?.as_str()?).map_err(|error| unreadable(column, error))
}

pub(super) fn event_type(row: &Row<'_>, column: usize) -> rusqlite::Result<EventType> {
    EventType::new(row.get_ref(column)?.as_str()?).map_err(|error| unreadable(column, error))
}

/// The columns that [`event`] reads, as a literal.
macro_rules! event_columns {
    () => {
        "e.tenant, e.id, e.type, e.content_type, e.occurred_at, p.body, e.order_key, e.expires_at, e.audience, e.origin"
    };
}
pub(super) use event_columns;

/// The same.
pub(super) const EVENT_COLUMNS: &str = event_columns!();

/// The number of these columns.
pub(super) const EVENT_WIDTH: usize = 10;

/// An event from [`EVENT_COLUMNS`], the first of which is column `from`.
pub(super) fn event(row: &Row<'_>, from: usize) -> rusqlite::Result<Event> {
    let (tenant, id, kind) = (tenant(row, from)?, event_id(row, from + 1)?, event_type(row, from + 2)?);
    let mut event = Event::restore(id, kind, tenant, time(row, from + 4)?, row.get::<_, Vec<u8>>(from + 5)?.into());
    event.content_type = Arc::from(row.get_ref(from + 3)?.as_str()?);
    event.order = row.get_ref(from + 6)?.as_str_or_null()?.and_then(restore_order);
    event.expires_at = row.get::<_, Option<i64>>(from + 7)?.map(Timestamp::from_micros);
    event.audience = audience(row, from + 8)?;
    let origin = restore_origin(row.get_ref(from + 9)?.as_str_or_null()?);
    event.origin = origin.map_err(|error| unreadable(from + 9, error))?;
    Ok(event)
}

/// The columns that [`delivery`] reads.
pub(super) const DELIVERY_COLUMNS: &str = "d.id, e.tenant, e.id, e.type, d.lane, d.state, d.due, d.attempts, \
     d.created_at, d.finished_at, d.reason, n.state";

/// A delivery from [`DELIVERY_COLUMNS`], where `n` is its endpoint, if there is one.
pub(super) fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let mut delivery =
        Delivery::new(delivery_id(row, 0)?, lane(row, 4)?, tenant(row, 1)?, event_id(row, 2)?, event_type(row, 3)?);
    delivery.state = shown_state(row.get(5)?, row.get(11)?);
    delivery.attempts = count(row, 7)?;
    delivery.due = time(row, 6)?;
    delivery.created_at = time(row, 8)?;
    delivery.finished_at = row.get::<_, Option<i64>>(9)?.map(Timestamp::from_micros);
    delivery.reason = row.get::<_, Option<String>>(10)?.as_deref().and_then(FailReason::from_name);
    Ok(delivery)
}

/// An attempt from number, time, duration, class, status and excerpt.
pub(super) fn attempt(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    let status: Option<u16> = row.get(4)?;
    let outcome = Outcome::from_parts(row.get_ref(3)?.as_str()?, status);
    let outcome = outcome.ok_or_else(|| unreadable(3, "unknown outcome"))?;
    let micros: i64 = row.get(2)?;
    let duration = Duration::from_micros(u64::try_from(micros).unwrap_or(0));
    let excerpt: Option<String> = row.get(5)?;
    Ok(Attempt::new(count(row, 0)?, time(row, 1)?, duration, outcome).with_excerpt(excerpt.map(Into::into)))
}

/// The provider that seals secrets; with `None` they are stored in the clear.
pub(super) type KeySealer = Option<Arc<dyn KeyProvider>>;

/// The columns that [`endpoint`] reads.
pub(super) const ENDPOINT_COLUMNS: &str = "n.id, n.tenant, n.version, n.record, h.failing_since, h.last_failure, \
     h.failures, h.last_success, h.paused_until";

/// The tables of [`ENDPOINT_COLUMNS`].
pub(super) const ENDPOINTS: &str = "FROM hookwire_endpoint n LEFT JOIN hookwire_health h ON h.endpoint = n.id";

pub(super) fn endpoint(row: &Row<'_>, sealer: &KeySealer) -> rusqlite::Result<Arc<Endpoint>> {
    let id = endpoint_id(row, 0)?;
    let record: EndpointRecord =
        serde_json::from_str(row.get_ref(3)?.as_str()?).map_err(|error| unreadable(3, error))?;
    let record = record.open(sealer.as_deref(), id).map_err(|error| unreadable(3, error))?;
    let restored = record.restore(id, tenant(row, 1)?, fence(row, 2)?);
    let mut endpoint = restored.map_err(|error| unreadable(3, error))?;
    endpoint.health = read_health(row, 4)?;
    Ok(Arc::new(endpoint))
}

/// Reads health from five columns, which are all `NULL` for an endpoint without attempts.
fn read_health(row: &Row<'_>, from: usize) -> rusqlite::Result<Health> {
    let at = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(from + column)?.map(Timestamp::from_micros));
    let failures = row.get::<_, Option<i64>>(from + 2)?.and_then(|count| u32::try_from(count).ok());
    let failing = at(0)?.zip(at(1)?).zip(failures).map(|((since, last), failures)| (since, last, failures));
    Ok(Health::restore(failing, at(3)?, at(4)?))
}

/// Reads the health of an endpoint.
pub(super) fn health(session: &Session<'_>, id: EndpointId) -> rusqlite::Result<Health> {
    let sql = "SELECT failing_since, last_failure, failures, last_success, paused_until FROM hookwire_health \
               WHERE endpoint = ?1";
    let found = session.query_row(sql, [id.as_bytes()], |row| read_health(row, 0)).optional()?;
    Ok(found.unwrap_or_default())
}

pub(super) fn delete_health(session: &Session<'_>, id: EndpointId) -> rusqlite::Result<()> {
    session.execute("DELETE FROM hookwire_health WHERE endpoint = ?1", [id.as_bytes()])?;
    Ok(())
}

pub(super) fn write_health(session: &Session<'_>, id: EndpointId, health: &Health) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO hookwire_health \
               (endpoint, failing_since, last_failure, failures, last_success, paused_until) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let at = |at: Option<Timestamp>| at.map(Timestamp::as_micros);
    session.execute(
        sql,
        rusqlite::params![
            id.as_bytes(),
            at(health.failing_since),
            at(health.last_failure),
            health.failures,
            at(health.last_success),
            at(health.paused_until)
        ],
    )?;
    Ok(())
}

/// Finds a live endpoint.
pub(super) fn find_endpoint(
    session: &Session<'_>,
    sealer: &KeySealer,
    id: EndpointId,
) -> rusqlite::Result<Option<Arc<Endpoint>>> {
    let sql = select(ENDPOINT_COLUMNS, &format!("{ENDPOINTS} WHERE n.id = ?1 AND n.state < 2"));
    session.prepare_cached(&sql)?.query_row([id.as_bytes()], |row| endpoint(row, sealer)).optional()
}

/// `SELECT columns rest`.
pub(super) fn select(columns: &str, rest: &str) -> String {
    format!("SELECT {columns} {rest}")
}

/// Writes an endpoint over the stored one.
pub(super) fn write_endpoint(session: &Session<'_>, sealer: &KeySealer, endpoint: &Endpoint) -> rusqlite::Result<()> {
    let mut record = EndpointRecord::new(endpoint);
    if let Some(provider) = sealer {
        let sealed = record.seal(&**provider, endpoint.id);
        record = sealed.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    }
    let record =
        serde_json::to_string(&record).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let state = if endpoint.is_enabled() { ENABLED } else { DISABLED };
    let sql =
        "INSERT OR REPLACE INTO hookwire_endpoint (id, tenant, version, state, record) VALUES (?1, ?2, ?3, ?4, ?5)";
    session.execute(
        sql,
        rusqlite::params![endpoint.id.as_bytes(), endpoint.tenant.as_str(), signed(endpoint.version), state, record],
    )?;
    Ok(())
}
