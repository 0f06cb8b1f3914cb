//! Counts, each of which reads a bounded number of index entries or rows.

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::PostgresStore;
use super::error::StoreFailure;
use super::rows::{endpoint_of, get};
use super::session::Param;
use crate::id::{LaneId, Work};
use crate::store::relational::lanes_of;
use crate::store::sql::lane_column;
use crate::store::{Counts, MOST_EXAMINED, StoreError};

impl PostgresStore {
    pub(super) async fn count(&self, work: Work, lane: Option<LaneId>) -> Result<Counts, StoreError> {
        if lane.is_some_and(|lane| lane.work() != work) {
            return Ok(Counts::default());
        }
        let lane = lane.map(lane_column);
        let params: Vec<Param<'_>> = lane
            .as_ref()
            .map(|lane| (lane as &(dyn tokio_postgres::types::ToSql + Sync), Type::BYTEA))
            .into_iter()
            .collect();
        let rows = self.query_text(&counts_sql(work, lane.is_some()), &params).await?;
        let read = rows.first().map_or(Ok((Counts::default(), true)), counts);
        let (mut counts, is_known) = read.map_err(StoreFailure::into_store_error)?;
        if !is_known {
            let rows = self.query_text(&recent_sql(work, lane.is_some()), &params).await?;
            let read = rows.first().map_or(Ok((0, false)), recent);
            let (delivered, is_part) = read.map_err(StoreFailure::into_store_error)?;
            counts.delivered = delivered;
            counts.delivered_is_lower_bound = is_part && delivered < Counts::MOST;
        }
        Ok(counts.capped())
    }
}

/// The counts of a row, and whether the number of delivered deliveries is known: the final deliveries without those that failed or were
/// cancelled.
fn counts(row: &Row) -> Result<(Counts, bool), StoreFailure> {
    let number = |column| Ok::<_, StoreFailure>(u64::try_from(get::<i64>(row, column)?).unwrap_or(0));
    let (failed, cancelled) = (number("failed")?, number("cancelled")?);
    let counts = Counts {
        pending: number("pending")?,
        delivered: number("finished")?.saturating_sub(failed + cancelled),
        failed,
        held: number("held")? + number("paused")?,
        cancelled: cancelled + number("orphaned")?,
        ..Counts::default()
    };
    Ok((counts, failed.max(cancelled) < Counts::MOST))
}

/// The number of delivered rows, and whether there are more rows than those that were examined.
fn recent(row: &Row) -> Result<(u64, bool), StoreFailure> {
    let delivered = u64::try_from(get::<i64>(row, "delivered")?).unwrap_or(0);
    Ok((delivered, get::<i64>(row, "examined")? == i64::from(MOST_EXAMINED)))
}

/// Lanes with deliveries in a state. It skips from lane to lane in an index, as the claims do.
pub(super) fn lanes_in(name: &str, state: u8, is_one: bool) -> String {
    if is_one {
        return format!("{name} AS (SELECT $1 AS lane)");
    }
    let next = |after: &str| {
        format!("SELECT lane FROM hookwire.delivery WHERE state = {state} AND lane > {after} ORDER BY lane LIMIT 1")
    };
    let (first, following) = (next("''::bytea"), next("l.lane"));
    format!("{name} AS (({first}) UNION ALL SELECT n.lane FROM {name} l CROSS JOIN LATERAL ({following}) n)")
}

fn counts_sql(work: Work, is_one: bool) -> String {
    let (waiting, parked) = (lanes_in("waiting", 0, is_one), lanes_in("parked", 4, is_one));
    let most = Counts::MOST;
    // `LIMIT` ends the walk over the lanes once it has found enough.
    let of_lanes = |lanes: &str, state: u8, of: &str| {
        format!(
            "(SELECT count(*) FROM (SELECT 1 FROM {lanes} w CROSS JOIN LATERAL (SELECT 1 FROM hookwire.delivery d \
             WHERE d.state = {state} AND d.lane = w.lane LIMIT {most}) d WHERE {of} LIMIT {most}) counted)"
        )
    };
    let of_work = if is_one { "lane = $1" } else { lanes_of!("lane", work) };
    let finished = |of: &str, limit: u64| {
        format!("(SELECT count(*) FROM (SELECT 1 FROM hookwire.finished WHERE {of}{of_work} LIMIT {limit}) counted)")
    };
    format!(
        "WITH RECURSIVE {waiting}, {parked}, served AS MATERIALIZED (SELECT d.lane, n.state FROM waiting d \
         LEFT JOIN hookwire.endpoint n ON n.id = {} WHERE {}) \
         SELECT {} AS pending, {} AS paused, {} AS orphaned, {} AS held, {} AS failed, {} AS cancelled, {} AS finished",
        endpoint_of!(),
        lanes_of!("d.lane", work),
        of_lanes("served", 0, "coalesce(w.state, 0) = 0"),
        of_lanes("served", 0, "w.state = 1"),
        of_lanes("served", 0, "w.state = 2"),
        of_lanes("parked", 4, lanes_of!("w.lane", work)),
        finished("state = 2 AND ", most),
        finished("state = 3 AND ", most),
        finished("", 3 * most),
    )
}

/// Counts the delivered deliveries among the newest final deliveries.
fn recent_sql(work: Work, is_one: bool) -> String {
    let of_lane = if is_one { " WHERE lane = $1" } else { "" };
    format!(
        "SELECT count(*) FILTER (WHERE state = 1 AND {}) AS delivered, count(*) AS examined FROM \
         (SELECT state, lane FROM hookwire.finished{of_lane} ORDER BY id DESC LIMIT {MOST_EXAMINED}) newest",
        lanes_of!("lane", work)
    )
}
