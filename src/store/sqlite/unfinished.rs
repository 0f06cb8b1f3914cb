//! Lanes that have pending or held deliveries.

use rusqlite::OptionalExtension;

use super::outbox::endpoint_state;
use super::rows::lane;
use super::session::Session;
use crate::id::{LaneId, Work};
use crate::store::sql::{PENDING, QUEUE, REMOVED, lane_column};

/// The lanes of one kind of work that have deliveries in this state: all such lanes, or only the given one. It skips from lane to lane in
/// an index, so the cost is proportional to the number of lanes, not to the number of deliveries in them.
pub(super) fn lanes_in(
    session: &Session<'_>,
    state: i16,
    work: Work,
    only: Option<LaneId>,
) -> rusqlite::Result<Vec<LaneId>> {
    if only.is_some() {
        return Ok(only.into_iter().filter(|lane| lane.work() == work).collect());
    }
    // The state is part of the text, so that the statement can use the index of the deliveries in this state.
    let sql = format!("SELECT lane FROM hookwire_delivery WHERE state = {state} AND lane > ?1 ORDER BY lane LIMIT 1");
    let mut next = session.prepare_cached(&sql)?;
    // Queues sort after all endpoints except those whose first byte is that of a queue.
    let mut last = match work {
        Work::Sent => Vec::new(),
        Work::Received => vec![QUEUE],
    };
    let mut lanes = Vec::new();
    while let Some(found) = next.query_row([&last], |row| lane(row, 0)).optional()? {
        last = lane_column(found);
        lanes.extend(Some(found).filter(|lane| lane.work() == work));
    }
    Ok(lanes)
}

/// Whether a removed endpoint still has pending deliveries: its removal was interrupted, or a dispatch did not see it.
pub(super) fn is_removal_unfinished(session: &Session<'_>, work: Work, only: Option<LaneId>) -> rusqlite::Result<bool> {
    for lane in lanes_in(session, PENDING, work, only)? {
        let state = lane.endpoint().map(|id| endpoint_state(session, id)).transpose()?.flatten();
        if state == Some(REMOVED) && has_pending(session, lane)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has_pending(session: &Session<'_>, lane: LaneId) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM hookwire_delivery WHERE state = 0 AND lane = ?1";
    session.prepare_cached(sql)?.exists([lane_column(lane)])
}
