//! Counts, each of which reads a bounded number of index entries or rows.

use rusqlite::{ToSql, params};

use super::outbox::endpoint_state;
use super::session::Session;
use super::unfinished::lanes_in;
use crate::delivery::DeliveryState;
use crate::id::{LaneId, Work};
use crate::store::relational::lanes_of;
use crate::store::sql::{CANCELLED, FAILED, HELD, PENDING, lane_column, shown_state, signed};
use crate::store::{Counts, MOST_EXAMINED};

pub(super) fn counts(session: &Session<'_>, work: Work, lane: Option<LaneId>) -> rusqlite::Result<Counts> {
    let mut counts = Counts::default();
    if lane.is_some_and(|lane| lane.work() != work) {
        return Ok(counts);
    }
    count_unfinished(session, work, lane, &mut counts)?;
    let failed = count_undelivered(session, FAILED, work, lane)?;
    let cancelled = count_undelivered(session, CANCELLED, work, lane)?;
    counts.add(DeliveryState::Failed, failed);
    counts.add(DeliveryState::Cancelled, cancelled);
    // A final delivery that neither failed nor was cancelled was delivered. There is no index for the final deliveries of a lane.
    let (delivered, is_lower_bound) = if lane.is_none() && failed.max(cancelled) < Counts::MOST {
        (count_finished(session, work, Counts::MOST + failed + cancelled)? - failed - cancelled, false)
    } else {
        count_recent(session, work, lane)?
    };
    counts.delivered = delivered;
    counts.delivered_is_lower_bound = is_lower_bound && delivered < Counts::MOST;
    Ok(counts.capped())
}

/// Counts pending or held deliveries, in the states that are shown. The cost is also proportional to the number of lanes that have such
/// deliveries.
fn count_unfinished(
    session: &Session<'_>,
    work: Work,
    lane: Option<LaneId>,
    counts: &mut Counts,
) -> rusqlite::Result<()> {
    for state in [PENDING, HELD] {
        for lane in lanes_in(session, state, work, lane)? {
            let endpoint = lane.endpoint().map(|id| endpoint_state(session, id)).transpose()?.flatten();
            let shown = shown_state(state, endpoint);
            let free = Counts::MOST.saturating_sub(counts.get(shown));
            if free > 0 {
                let rows = format!("FROM hookwire_delivery WHERE state = {state} AND lane = :lane");
                counts.add(shown, count_rows(session, &rows, Some(lane), free)?);
            }
        }
    }
    Ok(())
}

/// Counts failed or cancelled deliveries, by an index that contains only these.
fn count_undelivered(session: &Session<'_>, state: i16, work: Work, lane: Option<LaneId>) -> rusqlite::Result<u64> {
    let of = match lane {
        Some(_) => "lane = :lane",
        None => lanes_of!("lane", work),
    };
    let rows = format!("FROM hookwire_delivery WHERE state IN (2, 3) AND state = {state} AND {of}");
    count_rows(session, &rows, lane, Counts::MOST)
}

/// Counts final deliveries, by an index that contains only these.
fn count_finished(session: &Session<'_>, work: Work, limit: u64) -> rusqlite::Result<u64> {
    let of_work = lanes_of!("lane", work);
    let rows = format!("FROM hookwire_delivery WHERE finished_at IS NOT NULL AND {of_work}");
    count_rows(session, &rows, None, limit)
}

/// Counts the delivered deliveries among the deliveries that became final last. Also returns whether there may be more final deliveries.
fn count_recent(session: &Session<'_>, work: Work, lane: Option<LaneId>) -> rusqlite::Result<(u64, bool)> {
    let of_work = lanes_of!("lane", work);
    let sql = format!(
        "SELECT coalesce(sum(state = 1 AND (?1 IS NULL OR lane = ?1)), 0), count(*) FROM (SELECT state, lane \
         FROM hookwire_delivery WHERE finished_at IS NOT NULL AND {of_work} ORDER BY finished_at DESC LIMIT ?2)"
    );
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, u32>(0)?.into(), row.get::<_, u32>(1)? == MOST_EXAMINED));
    session.prepare_cached(&sql)?.query_row(params![lane.map(lane_column), MOST_EXAMINED], read)
}

/// Counts rows, up to a limit.
fn count_rows(session: &Session<'_>, rows: &str, lane: Option<LaneId>, limit: u64) -> rusqlite::Result<u64> {
    let sql = format!("SELECT count(*) FROM (SELECT 1 {rows} LIMIT :limit)");
    let (limit, lane) = (signed(limit), lane.map(lane_column));
    let mut values: Vec<(&str, &dyn ToSql)> = vec![(":limit", &limit)];
    values.extend(lane.as_ref().map(|lane| (":lane", lane as &dyn ToSql)));
    let count: i64 = session.prepare_cached(&sql)?.query_row(&*values, |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}
