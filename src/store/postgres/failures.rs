//! Failures in groups.

use std::collections::HashMap;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::error::StoreFailure;
use super::rows::{
    BYTES, LONGS, TEXTS, UUIDS, delivery_id, endpoint_id, fence, get, signed, time, uuid_of_delivery, uuid_of_endpoint,
};
use super::session::{Db, Param, Session};
use crate::clock::Timestamp;
use crate::id::{EndpointId, Tenant};
use crate::store::relational::leave_out_failures;
use crate::store::sql::{FoldedFailures, failure_kind_column, limit_failure_kinds, restore_failure_kind};
use crate::store::{FailureGroup, FailureKind, FailureList, FailureQuery, FailureSum, StoreError};

const KINDS: &str = "SELECT f.hour, f.endpoint, f.kind FROM unnest($1, $2) AS a (hour, endpoint) \
     JOIN hookwire.failure f ON f.hour = a.hour AND f.endpoint = a.endpoint";

const WRITE: &str = "INSERT INTO hookwire.failure AS f (hour, endpoint, kind, tenant, number, first_at, last_at, oldest_made, newest_made, \
     sample) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (hour, endpoint, kind) DO UPDATE SET \
     tenant = coalesce(f.tenant, excluded.tenant), number = f.number + excluded.number, \
     first_at = least(f.first_at, excluded.first_at), last_at = greatest(f.last_at, excluded.last_at), \
     oldest_made = least(f.oldest_made, excluded.oldest_made), newest_made = greatest(f.newest_made, excluded.newest_made), \
     sample = CASE WHEN (excluded.last_at, excluded.sample) > (f.last_at, f.sample) THEN excluded.sample ELSE f.sample END";

const DELETE: &str = "DELETE FROM hookwire.failure WHERE (hour, endpoint, kind) IN \
     (SELECT hour, endpoint, kind FROM hookwire.failure WHERE hour < $1 ORDER BY hour LIMIT $2) RETURNING 1 AS gone";

/// Adds what a fold has counted. The lock of the fold makes reading and writing one step.
pub(super) async fn add_failures(session: &Session<'_>, folded: FoldedFailures) -> Result<(), StoreFailure> {
    if folded.is_empty() {
        return Ok(());
    }
    let mut stored = stored_kinds(session, &folded).await?;
    let mut rows = Columns::default();
    for (key, groups) in folded {
        for group in limit_failure_kinds(groups, &stored.remove(&key).unwrap_or_default()) {
            rows.push(key.0, &group);
        }
    }
    session.query(WRITE, &rows.params()).await.map(drop)
}

type Kinds = HashMap<(Timestamp, EndpointId), Vec<FailureKind>>;

/// The kinds that are stored for these hours and endpoints. Their number is limited. An unreadable kind is left out, so that it does not
/// stop the others.
async fn stored_kinds(session: &Session<'_>, folded: &FoldedFailures) -> Result<Kinds, StoreFailure> {
    let hours: Vec<_> = folded.keys().map(|(hour, _)| hour.as_micros()).collect();
    let endpoints: Vec<_> = folded.keys().map(|(_, endpoint)| uuid_of_endpoint(*endpoint)).collect();
    let mut kinds = Kinds::new();
    for row in &session.query(KINDS, &[(&hours, LONGS), (&endpoints, UUIDS)]).await? {
        let key = (time(row, "hour")?, endpoint_id(row, "endpoint")?);
        kinds.entry(key).or_default().extend(kind(row).ok());
    }
    Ok(kinds)
}

/// The groups to write, as columns. They are sorted by their key.
#[derive(Default)]
struct Columns {
    hours: Vec<i64>,
    endpoints: Vec<uuid::Uuid>,
    kinds: Vec<Vec<u8>>,
    tenants: Vec<Option<String>>,
    numbers: Vec<i64>,
    /// First, last, oldest and newest.
    times: [Vec<i64>; 4],
    samples: Vec<uuid::Uuid>,
}

impl Columns {
    fn push(&mut self, hour: Timestamp, group: &FailureGroup) {
        self.hours.push(hour.as_micros());
        self.endpoints.push(uuid_of_endpoint(group.endpoint));
        self.kinds.push(failure_kind_column(&group.kind));
        self.tenants.push(group.tenant.as_ref().map(Tenant::to_string));
        self.numbers.push(signed(group.count));
        for (column, at) in self.times.iter_mut().zip([group.first, group.last, group.oldest, group.newest]) {
            column.push(at.as_micros());
        }
        self.samples.push(uuid_of_delivery(group.sample));
    }

    fn params(&self) -> Vec<Param<'_>> {
        let mut params: Vec<Param<'_>> = vec![
            (&self.hours, LONGS),
            (&self.endpoints, UUIDS),
            (&self.kinds, BYTES),
            (&self.tenants, TEXTS),
            (&self.numbers, LONGS),
        ];
        params.extend(self.times.iter().map(|column| -> Param<'_> { (column, LONGS) }));
        params.push((&self.samples, UUIDS));
        params
    }
}

/// Deletes hours that began before this time. Returns whether more may be left.
pub(super) async fn delete_failures(
    session: &Session<'_>,
    before: Timestamp,
    limit: i64,
) -> Result<bool, StoreFailure> {
    let params: [Param<'_>; 2] = [(&before.as_micros(), Type::INT8), (&limit, Type::INT8)];
    Ok(session.query(DELETE, &params).await?.len() as i64 >= limit)
}

/// Stored groups that match.
macro_rules! find {
    ($rest:literal) => {
        concat!(
            "SELECT f.hour, f.endpoint, f.kind, f.tenant, f.number, f.first_at, f.last_at, f.oldest_made, f.newest_made, f.sample FROM ",
            $rest,
            " LIMIT $1"
        )
    };
}

// The newest hours come first. That is the order of an index, so the server sorts nothing and stops at the limit.

const FIND: &str = find!("hookwire.failure f WHERE f.hour >= $2 AND f.hour < $3 ORDER BY f.hour DESC");

// Compared as pairs, so that only the index by tenant and hour fits, and the planner does not read the hours of all tenants.
const FIND_TENANT: &str = find!(
    "hookwire.failure f WHERE (f.tenant, f.hour) >= ($4, $2) AND (f.tenant, f.hour) < ($4, $3) \
     ORDER BY f.tenant DESC, f.hour DESC"
);

// One look-up by the key for each hour, in the order of the hours.
const FIND_ENDPOINT: &str = find!(
    "unnest($2) WITH ORDINALITY AS a (hour, place) CROSS JOIN LATERAL \
     (SELECT * FROM hookwire.failure f WHERE f.hour = a.hour AND f.endpoint = $3 OFFSET 0) f ORDER BY a.place"
);

/// The number of hours in which one statement looks for groups of an endpoint. An endpoint has about 100 groups in an hour at most.
const HOURS: usize = 168;

/// One more than is examined, to know whether there are more.
const READ: i64 = FailureQuery::MAX_EXAMINED as i64 + 1;

/// The groups that match, merged and limited.
pub(super) async fn find_failures(db: &Db, query: &FailureQuery) -> Result<FailureList, StoreError> {
    let mut found = FailureSum::new(query);
    let limit: Param<'_> = (&READ, Type::INT8);
    if let Some(endpoint) = query.endpoint.map(uuid_of_endpoint) {
        for hours in query.newest_hours().chunks(HOURS) {
            let hours: Vec<_> = hours.iter().map(|hour| hour.as_micros()).collect();
            let rows = db.query(FIND_ENDPOINT, &[limit.clone(), (&hours, LONGS), (&endpoint, Type::UUID)]).await?;
            if !add(&mut found, query, &rows)? {
                break;
            }
        }
    } else {
        let span = query.span();
        let (from, to) = (span.start.as_micros(), span.end.as_micros());
        let tenant = query.tenant.as_ref().map(Tenant::as_str);
        let mut params: Vec<Param<'_>> = vec![limit, (&from, Type::INT8), (&to, Type::INT8)];
        params.extend(tenant.as_ref().map(|name| -> Param<'_> { (name, Type::TEXT) }));
        let sql = if tenant.is_some() { FIND_TENANT } else { FIND };
        add(&mut found, query, &db.query(sql, &params).await?)?;
    }
    Ok(found.largest(query))
}

/// Adds the groups that match, until the limit of groups to examine is reached. Returns whether more may be read.
fn add(found: &mut FailureSum, query: &FailureQuery, rows: &[Row]) -> Result<bool, StoreError> {
    let (mut is_complete, mut unreadable) = (true, Vec::new());
    for row in rows {
        if !found.examine(time(row, "hour").map_err(StoreFailure::into_store_error)?) {
            is_complete = false;
            break;
        }
        match group(row) {
            // The tenant was not compared if there is an endpoint.
            Ok(group) if query.is_for(&group) => found.add(group),
            Ok(_) => {}
            Err(error) => unreadable.push(error),
        }
    }
    leave_out_failures(&unreadable);
    Ok(is_complete)
}

/// Fails only if the row is unreadable.
fn group(row: &Row) -> Result<FailureGroup, StoreFailure> {
    let (endpoint, sample) = (endpoint_id(row, "endpoint")?, delivery_id(row, "sample")?);
    let mut group = FailureGroup::of(endpoint, kind(row)?, sample, time(row, "last_at")?);
    group.tenant = get::<Option<&str>>(row, "tenant")?.map(Tenant::from);
    (group.count, group.first) = (fence(row, "number")?, time(row, "first_at")?);
    (group.oldest, group.newest) = (time(row, "oldest_made")?, time(row, "newest_made")?);
    Ok(group)
}

fn kind(row: &Row) -> Result<FailureKind, StoreFailure> {
    let kind = restore_failure_kind(get(row, "kind")?);
    kind.ok_or_else(|| StoreFailure::unreadable("the kind of a failure is invalid"))
}
