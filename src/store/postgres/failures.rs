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
use crate::store::sql::{FoldedFailures, failure_kind_column, limit_failure_kinds, restore_failure_kind};
use crate::store::{FailureGroup, FailureKind, FailureQuery, RollupStep, StoreError};

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

/// Groups that match, merged. The hours are a list, so that the key of the table finds each hour of an endpoint.
macro_rules! find {
    ($condition:literal) => {
        concat!(
            "SELECT endpoint, kind, max(tenant) AS tenant, sum(number)::bigint AS number, min(first_at) AS first_at, \
             max(last_at) AS last_at, min(oldest_made) AS oldest_made, max(newest_made) AS newest_made, \
             (array_agg(sample ORDER BY last_at DESC, sample DESC))[1] AS sample \
             FROM hookwire.failure WHERE hour = ANY($1)",
            $condition,
            " GROUP BY endpoint, kind ORDER BY 4 DESC, 6 DESC, 9 DESC LIMIT $2"
        )
    };
}

const FIND: &str = find!("");
const FIND_TENANT: &str = find!(" AND tenant = $3");
const FIND_ENDPOINT: &str = find!(" AND endpoint = $3");
const FIND_BOTH: &str = find!(" AND endpoint = $3 AND tenant = $4");

/// The groups that match, merged and limited.
pub(super) async fn find_failures(db: &Db, query: &FailureQuery) -> Result<Vec<FailureGroup>, StoreError> {
    let hours: Vec<_> = RollupStep::Hour.starts(query.from, query.to).map(Timestamp::as_micros).collect();
    let limit = i64::from(query.bounded_limit());
    let endpoint = query.endpoint.map(uuid_of_endpoint);
    let tenant = query.tenant.as_ref().map(Tenant::as_str);
    let mut params: Vec<Param<'_>> = vec![(&hours, LONGS), (&limit, Type::INT8)];
    params.extend(endpoint.as_ref().map(|id| -> Param<'_> { (id, Type::UUID) }));
    params.extend(tenant.as_ref().map(|name| -> Param<'_> { (name, Type::TEXT) }));
    let sql = match (endpoint, tenant) {
        (None, None) => FIND,
        (None, Some(_)) => FIND_TENANT,
        (Some(_), None) => FIND_ENDPOINT,
        (Some(_), Some(_)) => FIND_BOTH,
    };
    let rows = db.query(sql, &params).await?;
    rows.iter().map(group).collect::<Result<_, _>>().map_err(StoreFailure::into_store_error)
}

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
