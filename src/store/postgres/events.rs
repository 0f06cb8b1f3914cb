//! Lists of events.

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::PostgresStore;
use super::append::first_key_of;
use super::error::StoreFailure;
use super::list::free;
use super::rows::{audience, event_id, event_type, fence, get, time};
use super::session::Param;
use super::source::STEPS;
use crate::clock::Timestamp;
use crate::store::relational::{audience_condition, cursor, events_of};
use crate::store::sql::lane_column;
use crate::store::{EventQuery, EventSummary, Listed, Page, StoreError};

/// A search that reads the deliveries of each event examines fewer events.
const STEPS_WITH_DELIVERIES: [u32; 2] = [500, 1_500];

/// The events that a step has found, and the last row that it examined.
type Step = (Vec<EventSummary>, Option<u64>);

impl PostgresStore {
    /// An index contains the events of each tenant in order, so that only these are examined.
    pub(super) async fn find_events(
        &self,
        query: &EventQuery,
        page: Page<u64>,
    ) -> Result<Listed<EventSummary, u64>, StoreError> {
        if page.limit == 0 {
            return Ok(Listed::default());
        }
        let (mut found, mut step) = (Vec::new(), page);
        let steps = if query.missing_at.is_some() { STEPS_WITH_DELIVERIES } else { STEPS };
        for length in steps {
            let (more, last) = self.step_of_events(query, step, (length, free(page.limit, found.len()))).await?;
            found.extend(more);
            if last.is_none() || found.len() > page.limit as usize {
                return Ok(Listed::cut(found, page.limit, |found| found.cursor, None));
            }
            step = step.after(last);
        }
        Ok(Listed::cut(found, page.limit, |found| found.cursor, step.after))
    }

    async fn step_of_events(
        &self,
        query: &EventQuery,
        page: Page<u64>,
        (length, limit): (u32, i64),
    ) -> Result<Step, StoreError> {
        let (after, tenant) = (cursor(page), query.tenant.as_str());
        let (from, to) = (query.from.as_micros(), query.to.as_micros());
        let (first, last) = (first_key_of(query.from), last_key_before(query.to));
        let missing_at = query.missing_at.map(|id| lane_column(id.into()));
        let params: [Param<'_>; 8] = [
            (&after, Type::INT8),
            (&tenant, Type::TEXT),
            (&from, Type::INT8),
            (&to, Type::INT8),
            (&missing_at, Type::BYTEA),
            (&limit, Type::INT8),
            (&first, Type::INT8),
            (&last, Type::INT8),
        ];
        let rows = self.query_text(&events_sql(query, page, length), &params).await?;
        read(&rows).map_err(StoreFailure::into_store_error)
    }
}

/// The last key of the millisecond of a time. An event that was appended before that time has no higher key.
fn last_key_before(to: Timestamp) -> i64 {
    match to {
        Timestamp::MAX => i64::MAX,
        to => first_key_of(to + std::time::Duration::from_millis(1)),
    }
}

fn read(rows: &[Row]) -> Result<Step, StoreFailure> {
    let is_found = |row: &&Row| get::<Option<i64>>(row, "key").map_or(true, |key| key.is_some());
    let found = rows.iter().filter(is_found).map(summary).collect::<Result<_, _>>()?;
    let last = rows.first().map_or(Ok(None), |row| get::<Option<i64>>(row, "last"))?;
    Ok((found, last.and_then(|key| u64::try_from(key).ok())))
}

fn events_sql(query: &EventQuery, page: Page<u64>, length: u32) -> String {
    let (beyond, order) = page.direction();
    // The comparison of pairs and the order by both columns lead to the index of a tenant's events. With a condition on the tenant or on the
    // key alone, the planner may read all events in the order of their keys until it has found enough of the tenant's.
    let rows = format!(
        "SELECT * FROM hookwire.event e WHERE {} AND (e.tenant, e.key) {beyond} ($2, $1) \
         AND (e.tenant, e.key) >= ($2, $7) AND (e.tenant, e.key) <= ($2, $8) ORDER BY e.tenant {order}, e.key {order}",
        events_of!("e.audience", query.work())
    );
    let skipped = length - 1;
    format!(
        "SELECT found.*, w.last FROM (SELECT (SELECT e.key FROM ({rows} LIMIT 1 OFFSET {skipped}) e) AS last) w LEFT JOIN \
         (SELECT e.key, e.id AS event_id, e.type AS event_type, e.appended_at, e.audience FROM ({rows} LIMIT {length}) e \
         WHERE {} AND e.appended_at >= $3 AND e.appended_at < $4 AND NOT e.expunged \
         AND ($5 IS NULL OR NOT EXISTS (SELECT 1 FROM hookwire.every_delivery d WHERE d.event = e.key AND d.lane = $5)) \
         ORDER BY e.key {order} LIMIT $6) found ON TRUE ORDER BY found.key {order}",
        audience_condition(query)
    )
}

fn summary(row: &Row) -> Result<EventSummary, StoreFailure> {
    Ok(EventSummary {
        cursor: fence(row, "key")?,
        id: event_id(row, "event_id")?,
        event_type: event_type(row, "event_type")?,
        audience: audience(row, "audience")?,
        appended_at: time(row, "appended_at")?,
    })
}
