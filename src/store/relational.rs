//! Conditions, pages and outbox rows that the two SQL stores of this crate share in addition to [`sql`](super::sql).

use crate::clock::Timestamp;
use crate::delivery::DeliveryState;
use crate::id::Work;
use crate::store::sql::{RollupFold, audience_column, signed};
use crate::store::{DeliveryQuery, EventQuery, Page};

/// Logs an endpoint whose row is unreadable. Only this endpoint is left out. Its events are not lost: once the row is readable again, a
/// replay sends them.
pub(super) fn leave_out(id: &dyn std::fmt::Display, error: &dyn std::fmt::Display) {
    tracing::error!(endpoint = %id, reason = %error, "the row of an endpoint is unreadable; the endpoint gets no events until the row is repaired");
}

/// Logs that stored groups of failures are unreadable. Only these groups are left out.
pub(super) fn leave_out_failures(errors: &[impl std::fmt::Display]) {
    if let Some(reason) = errors.first() {
        tracing::warn!(count = errors.len(), %reason, "stored groups of failures are unreadable; lists of failures leave them out");
    }
}

/// The number of a row, bit for bit. Another program may have written the number, so it may be negative.
pub(super) const fn row_number(seq: i64) -> u64 {
    u64::from_ne_bytes(seq.to_ne_bytes())
}

/// The reverse of [`row_number`].
pub(super) const fn row_seq(row: u64) -> i64 {
    i64::from_ne_bytes(row.to_ne_bytes())
}

impl<C> Page<C> {
    /// The comparison that selects the rows after a cursor, and the sort direction.
    pub(super) const fn direction(&self) -> (&'static str, &'static str) {
        if self.newest_first { ("<", "DESC") } else { (">", "ASC") }
    }
}

/// The cursor of a page by number; the page begins after it.
pub(super) fn cursor(page: Page<u64>) -> i64 {
    page.after.map_or(if page.newest_first { i64::MAX } else { 0 }, signed)
}

/// The lanes of one kind of work. The partial indexes have the same condition.
macro_rules! lanes_of {
    ($column:literal, $work:expr) => {
        match $work {
            crate::id::Work::Sent => concat!("length(", $column, ") = 16"),
            crate::id::Work::Received => concat!("length(", $column, ") <> 16"),
        }
    };
}
pub(super) use lanes_of;

/// The events of one kind of work. The partial indexes have the same condition.
macro_rules! events_of {
    ($column:literal, $work:expr) => {
        match $work {
            crate::id::Work::Sent => concat!($column, " < 2"),
            crate::id::Work::Received => concat!($column, " = 2"),
        }
    };
}
pub(super) use events_of;

/// The condition on an event `e` for the audience of a query.
pub(super) fn audience_condition(query: &EventQuery) -> String {
    let of_work = events_of!("e.audience", query.work());
    match query.audience {
        Some(audience) => format!("{of_work} AND e.audience = {}", audience_column(audience)),
        None => of_work.into(),
    }
}

/// The condition on the ids that are taken by one kind of work.
pub(super) const fn keys_of(work: Work) -> &'static str {
    match work {
        Work::Sent => "substr(id, 1, 1) <> ':'",
        Work::Received => "substr(id, 1, 1) = ':'",
    }
}

/// Every match was made before this time, as far as clocks agree: what was attempted before a time was made before it.
pub(super) fn made_before(query: &DeliveryQuery) -> Option<Timestamp> {
    [query.to, query.attempted_to].into_iter().flatten().min()
}

/// The condition on a delivery `d` with its endpoint `n` under which [`shown_state`](super::sql::shown_state) returns this state.
pub(super) const fn state_condition(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "d.state = 0 AND coalesce(n.state, 0) = 0",
        DeliveryState::Held => "(d.state = 4 OR (d.state = 0 AND n.state = 1))",
        DeliveryState::Delivered => "d.state = 1",
        DeliveryState::Failed => "d.state = 2",
        DeliveryState::Cancelled => "(d.state = 3 OR (d.state = 0 AND n.state = 2))",
    }
}

/// The limit of data bytes that one call reads from the outbox table; a single longer row is read nevertheless.
pub(super) const STAGED_BYTES: usize = 16 * 1024 * 1024;

/// The limit of bytes in all columns of a row except its data.
pub(super) const MAX_ROW: i64 = 8 * 1024;

/// The error of an outbox row that is too long.
pub(super) fn too_long(data: i64, longest: usize) -> String {
    if usize::try_from(data).is_ok_and(|data| data <= longest) {
        format!("the columns other than data: have more than {MAX_ROW} bytes; shorten them")
    } else {
        format!("data: has {data} bytes, but at most {longest} are allowed; shorten it")
    }
}

/// The number of rows with notes of settlements that one call adds to the rollups.
pub(super) const FOLDED: u32 = 64;

/// Counts notes of settlements. An invalid note is logged and left out.
pub(super) fn count_notes(fold: &mut RollupFold, notes: &[u8]) {
    if !fold.add(notes) {
        tracing::error!("a note of settlements is unreadable; the rollups leave it out");
    }
}
