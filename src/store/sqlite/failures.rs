//! Failures in groups, in SQL.

use rusqlite::{Row, ToSql, params};

use super::rows::{delivery_id, endpoint_id, fence, is_unreadable, time, unreadable};
use super::session::Session;
use crate::clock::Timestamp;
use crate::id::{EndpointId, Tenant};
use crate::store::relational::leave_out_failures;
use crate::store::sql::{FoldedFailures, failure_kind_column, limit_failure_kinds, restore_failure_kind, signed};
use crate::store::{FailureGroup, FailureKind, FailureList, FailureQuery, FailureSum};

/// Adds what a fold has counted.
pub(super) fn add_failures(session: &Session<'_>, folded: FoldedFailures) -> rusqlite::Result<()> {
    let sql = "INSERT INTO hookwire_failure AS f (hour, endpoint, kind, tenant, number, first_at, last_at, oldest_made, newest_made, \
               sample) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (hour, endpoint, kind) DO UPDATE SET \
               sample = iif((excluded.last_at, excluded.sample) > (f.last_at, f.sample), excluded.sample, f.sample), \
               tenant = coalesce(f.tenant, excluded.tenant), number = f.number + excluded.number, \
               first_at = min(f.first_at, excluded.first_at), last_at = max(f.last_at, excluded.last_at), \
               oldest_made = min(f.oldest_made, excluded.oldest_made), newest_made = max(f.newest_made, excluded.newest_made)";
    let mut write = session.prepare_cached(sql)?;
    for ((hour, endpoint), groups) in folded {
        let stored = kinds_of(session, hour, endpoint)?;
        for group in limit_failure_kinds(groups, &stored) {
            write.execute(params![
                hour.as_micros(),
                endpoint.as_bytes(),
                failure_kind_column(&group.kind),
                group.tenant.as_ref().map(Tenant::as_str),
                signed(group.count),
                group.first.as_micros(),
                group.last.as_micros(),
                group.oldest.as_micros(),
                group.newest.as_micros(),
                group.sample.as_bytes(),
            ])?;
        }
    }
    Ok(())
}

/// The kinds that are stored for an endpoint and hour. Their number is limited. An unreadable kind is left out, so that it does not stop the
/// others.
fn kinds_of(session: &Session<'_>, hour: Timestamp, endpoint: EndpointId) -> rusqlite::Result<Vec<FailureKind>> {
    let sql = "SELECT kind FROM hookwire_failure WHERE hour = ?1 AND endpoint = ?2";
    let mut find = session.prepare_cached(sql)?;
    let mut rows = find.query(params![hour.as_micros(), endpoint.as_bytes()])?;
    let mut kinds = Vec::new();
    while let Some(row) = rows.next()? {
        kinds.extend(kind(row, 0).ok());
    }
    Ok(kinds)
}

/// Deletes hours that began before this time. Returns the number of groups.
pub(super) fn delete_failures(session: &Session<'_>, before: Timestamp, limit: u32) -> rusqlite::Result<usize> {
    let sql = "DELETE FROM hookwire_failure WHERE (hour, endpoint, kind) IN \
               (SELECT hour, endpoint, kind FROM hookwire_failure WHERE hour < ?1 ORDER BY hour LIMIT ?2)";
    session.prepare_cached(sql)?.execute(params![before.as_micros(), limit])
}

/// The groups that match, merged and limited.
pub(super) fn find_failures(session: &Session<'_>, query: &FailureQuery) -> rusqlite::Result<FailureList> {
    let tenant = query.tenant.as_ref().map(Tenant::as_str);
    let span = query.span();
    let (from, to) = (span.start.as_micros(), span.end.as_micros());
    let mut found = FailureSum::new(query);
    match (query.endpoint, tenant) {
        // One look-up for each hour: the table is sorted by time.
        (Some(endpoint), _) => {
            let rest = "hour = ?1 AND endpoint = ?2 AND (?3 IS NULL OR tenant = ?3)";
            for hour in query.newest_hours() {
                if !read(session, rest, &[&hour.as_micros(), endpoint.as_bytes(), &tenant], &mut found)? {
                    break;
                }
            }
        }
        // The index by tenant and hour has this order, and so has the key of the table.
        (None, Some(tenant)) => {
            let rest = "tenant = ?3 AND hour >= ?1 AND hour < ?2 ORDER BY hour DESC";
            read(session, rest, &[&from, &to, &tenant], &mut found)?;
        }
        (None, None) => {
            read(session, "hour >= ?1 AND hour < ?2 ORDER BY hour DESC", &[&from, &to], &mut found)?;
        }
    }
    Ok(found.largest(query))
}

/// Adds what matches, until the limit of groups to examine is reached. Returns whether more may be read.
fn read(
    session: &Session<'_>,
    condition: &str,
    values: &[&dyn ToSql],
    found: &mut FailureSum,
) -> rusqlite::Result<bool> {
    let sql = format!(
        "SELECT endpoint, kind, tenant, number, first_at, last_at, oldest_made, newest_made, sample, hour \
         FROM hookwire_failure WHERE {condition}"
    );
    let mut find = session.prepare_cached(&sql)?;
    let mut rows = find.query(values)?;
    let (mut is_complete, mut unreadable) = (true, Vec::new());
    while let Some(row) = rows.next()? {
        if !found.examine(time(row, 9)?) {
            is_complete = false;
            break;
        }
        match group(row) {
            Ok(group) => found.add(group),
            Err(error) if is_unreadable(&error) => unreadable.push(error),
            Err(error) => return Err(error),
        }
    }
    leave_out_failures(&unreadable);
    Ok(is_complete)
}

fn group(row: &Row<'_>) -> rusqlite::Result<FailureGroup> {
    let mut group = FailureGroup::of(endpoint_id(row, 0)?, kind(row, 1)?, delivery_id(row, 8)?, time(row, 5)?);
    group.tenant = row.get::<_, Option<String>>(2)?.map(Tenant::from);
    (group.count, group.first) = (fence(row, 3)?, time(row, 4)?);
    (group.oldest, group.newest) = (time(row, 6)?, time(row, 7)?);
    Ok(group)
}

fn kind(row: &Row<'_>, column: usize) -> rusqlite::Result<FailureKind> {
    let kind = restore_failure_kind(row.get_ref(column)?.as_blob()?);
    kind.ok_or_else(|| unreadable(column, "the kind of a failure is invalid"))
}
