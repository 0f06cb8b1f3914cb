//! The outbox role: appending in groups, claiming and settling.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::try_join;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::PostgresStore;
use super::directory::CancelSome;
use super::error::StoreFailure;
use super::order;
use super::rows::{
    BYTES, INTS, LONGS, UUIDS, count, delivery_id, event, event_columns, fence, get, lane, lease_fence, time,
    uuid_of_delivery, uuid_of_endpoint,
};
use super::session::{Operation, Param, Session};
use super::settle::Settling;
use crate::clock::Timestamp;
use crate::delivery::{Lease, Leased, Settlement};
use crate::id::{EndpointId, LaneId, Work};
use crate::store::relational::lanes_of;
use crate::store::sql::{QUEUE, lane_column};
use crate::store::{Append, Appended, Claim, Claimed, Outbox, Settled, StoreError};

#[async_trait]
impl Outbox for PostgresStore {
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Appended>, StoreError> {
        let bytes = batch.iter().map(|one| one.event.payload.len()).sum();
        let wakes = batch.iter().any(|one| one.deliveries.iter().any(|new| new.leased_until.is_none()));
        let appended = self.appends.call(batch, bytes).await?;
        if wakes {
            self.notifier.notify();
        }
        Ok(appended)
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        let (claimed, removed) = self.claim_lanes(&claim).await?;
        for endpoint in removed {
            self.db.transact(CancelSome { endpoint, now: claim.now }).await?;
        }
        Ok(claimed)
    }

    async fn settle(&self, batch: Vec<Settlement>) -> Result<Vec<Settled>, StoreError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(settled) = self.health_cache.settle_in_one_statement(&self.db, &batch).await {
            return Ok(settled);
        }
        let (sealer, health_cache) = (self.sealer.clone(), self.health_cache.clone());
        self.db.transact(Settling { batch, sealer, health_cache }).await
    }

    async fn extend(&self, leases: Vec<Lease>, until: Timestamp) -> Result<Vec<Settled>, StoreError> {
        self.under_leases(EXTEND, &leases, until).await
    }

    async fn release(&self, leases: Vec<Lease>, due: Timestamp) -> Result<Vec<Settled>, StoreError> {
        let mut released = self.under_leases(RELEASE, &leases, due).await?;
        if released.contains(&Settled::LeaseLost) {
            // The other leases may be of deliveries with an ordering key.
            let rest = leases.iter().zip(&released).filter(|(_, settled)| **settled == Settled::LeaseLost);
            let rest = rest.map(|(lease, _)| *lease).collect();
            let ordered = self.db.transact(Releasing { leases: rest, due }).await?;
            let lost = released.iter_mut().filter(|settled| **settled == Settled::LeaseLost);
            lost.zip(ordered).for_each(|(settled, ordered)| *settled = ordered);
        }
        self.notifier.notify();
        Ok(released)
    }

    async fn lanes(
        &self,
        work: Work,
        after: Option<LaneId>,
        limit: u32,
    ) -> Result<Vec<(LaneId, Timestamp)>, StoreError> {
        // Queues sort after all endpoints except those whose first byte is that of a queue.
        let first = match work {
            Work::Sent => Vec::new(),
            Work::Received => vec![QUEUE],
        };
        let after = after.map_or(first, lane_column);
        let params: [Param<'_>; 2] = [(&after, Type::BYTEA), (&i64::from(limit), Type::INT8)];
        let rows = self.query_text(&lanes_sql(work), &params).await?;
        lanes_due(&rows).map_err(StoreFailure::into_store_error)
    }
}

const EXTEND: &str = "UPDATE hookwire.delivery d SET due = ($3)[1] FROM unnest($1, $2) AS l (id, fence) \
     WHERE d.id = l.id AND d.fence = l.fence AND d.leased RETURNING d.id, l.fence";

// A release ends the lease: its holder can no longer settle it.
macro_rules! release {
    ($of:literal) => {
        concat!(
            "UPDATE hookwire.delivery d SET due = ($3)[1], attempts = greatest(d.attempts - 1, 0), \
             fence = d.fence + 1, leased = false FROM unnest($1, $2) AS l (id, fence) \
             WHERE d.id = l.id AND d.fence = l.fence AND d.leased AND d.order_key ",
            $of,
            " RETURNING d.id, l.fence"
        )
    };
}

const RELEASE: &str = release!("IS NULL");
const RELEASE_ORDERED: &str = release!("IS NOT NULL");

/// Releases deliveries that have an ordering key.
struct Releasing {
    leases: Vec<Lease>,
    due: Timestamp,
}

impl Operation for Releasing {
    type Answer = Vec<Settled>;

    async fn run(&self, session: &Session<'_>) -> Result<Vec<Settled>, StoreFailure> {
        let (ids, fences): (Vec<_>, Vec<_>) =
            self.leases.iter().map(|lease| (uuid_of_delivery(lease.delivery), lease_fence(*lease))).unzip();
        let lanes = order::lanes_of_deliveries(session, &ids).await?;
        if lanes.is_empty() {
            return Ok(vec![Settled::LeaseLost; ids.len()]);
        }
        order::lock(session, &lanes).await?;
        let due = vec![self.due.as_micros()];
        let rows = session.query(RELEASE_ORDERED, &[(&ids, UUIDS), (&fences, LONGS), (&due, LONGS)]).await?;
        order::arrange(session, &lanes, self.due).await?;
        settled(&self.leases, &rows)
    }
}

/// One result for each lease. If a lease is repeated, the first one counts. A batch may contain a lost lease and a valid one of the same
/// delivery.
fn settled(leases: &[Lease], rows: &[tokio_postgres::Row]) -> Result<Vec<Settled>, StoreFailure> {
    let lease = |row| Ok::<_, StoreFailure>((get::<Uuid>(row, "id")?, get::<i64>(row, "fence")?));
    let mut changed = rows.iter().map(lease).collect::<Result<HashSet<_>, _>>()?;
    let settled = |lease: &Lease| {
        let is_changed = changed.remove(&(uuid_of_delivery(lease.delivery), lease_fence(*lease)));
        if is_changed { Settled::Done } else { Settled::LeaseLost }
    };
    Ok(leases.iter().map(settled).collect())
}

// Skips from lane to lane in the hot index. The cost is proportional to the number of listed lanes, and not to the number of their
// deliveries.
fn lanes_sql(work: Work) -> String {
    format!(
        "WITH RECURSIVE hop AS ((SELECT lane, due FROM hookwire.delivery WHERE state = 0 AND lane > $1 \
         ORDER BY lane, due LIMIT 1) UNION ALL SELECT n.lane, n.due FROM hop l CROSS JOIN LATERAL \
         (SELECT lane, due FROM hookwire.delivery WHERE state = 0 AND lane > l.lane ORDER BY lane, due LIMIT 1) n) \
         SELECT lane, due FROM hop WHERE {} LIMIT $2",
        lanes_of!("lane", work)
    )
}

// The state of an endpoint is read once for each lane, never in the condition of a row.
const CLAIM: &str = concat!(
    "WITH served AS MATERIALIZED (SELECT l.lane, l.quota FROM unnest($1, $2, $4) AS l (lane, quota, endpoint) \
     LEFT JOIN hookwire.endpoint n ON n.id = l.endpoint WHERE coalesce(n.state, 0) = 0), \
     picked AS MATERIALIZED (SELECT d.id, d.due FROM served s CROSS JOIN LATERAL (SELECT c.id, c.due FROM hookwire.delivery c \
     WHERE c.state = 0 AND c.lane = s.lane AND c.due <= ($3)[1] ORDER BY c.due LIMIT s.quota \
     FOR UPDATE SKIP LOCKED) d), \
     leased AS (UPDATE hookwire.delivery d SET due = ($3)[2], attempts = d.attempts + 1, fence = d.fence + 1, leased = true \
     FROM picked p WHERE d.id = p.id \
     RETURNING d.id, d.lane, d.event, d.attempts, d.faults, d.fence, d.created_at, p.due AS was_due) \
     SELECT l.id, l.lane, l.attempts, l.faults, l.fence, l.created_at, l.was_due, ",
    event_columns!(),
    " FROM leased l JOIN hookwire.event e ON e.key = l.event ORDER BY l.was_due, l.id"
);

// A row that another claim has locked counts as leased.
const NEXT: &str = "SELECT l.lane, n.state = 2 AS removed, (SELECT d.due FROM hookwire.delivery d WHERE d.state = 0 \
     AND d.lane = l.lane ORDER BY d.due LIMIT 1) AS due FROM unnest($1, $2) AS l (lane, endpoint) \
     LEFT JOIN hookwire.endpoint n ON n.id = l.endpoint WHERE coalesce(n.state, 0) <> 1";

impl PostgresStore {
    /// Runs two statements, sent together, each a transaction of its own. Also returns the removed endpoints among the requested ones.
    async fn claim_lanes(&self, claim: &Claim) -> Result<(Claimed, Vec<EndpointId>), StoreError> {
        if claim.lanes.is_empty() {
            return Ok(Default::default());
        }
        let lanes: Vec<_> = claim.lanes.iter().map(|(lane, _)| lane_column(*lane)).collect();
        let endpoints: Vec<_> = claim.lanes.iter().map(|(lane, _)| lane.endpoint().map(uuid_of_endpoint)).collect();
        let quotas: Vec<_> = claim.lanes.iter().map(|(_, quota)| i32::try_from(*quota).unwrap_or(i32::MAX)).collect();
        let times = vec![claim.now.as_micros(), claim.until.as_micros()];
        let session = self.db.session().await.map_err(StoreFailure::into_store_error)?;
        let params: [Param<'_>; 4] = [(&lanes, BYTES), (&quotas, INTS), (&times, LONGS), (&endpoints, UUIDS)];
        let requested: [Param<'_>; 2] = [(&lanes, BYTES), (&endpoints, UUIDS)];
        let claiming = session.query(CLAIM, &params);
        let asking = session.query(NEXT, &requested);
        let (leased, next) = try_join(claiming, asking).await.map_err(StoreFailure::in_doubt)?;
        read_claim(claim, &leased, &next).map_err(StoreFailure::into_store_error)
    }

    async fn under_leases(
        &self,
        sql: &'static str,
        leases: &[Lease],
        at: Timestamp,
    ) -> Result<Vec<Settled>, StoreError> {
        if leases.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<_> = leases.iter().map(|lease| uuid_of_delivery(lease.delivery)).collect();
        let fences: Vec<_> = leases.iter().map(|lease| lease_fence(*lease)).collect();
        let at = vec![at.as_micros()];
        let rows = self.db.query(sql, &[(&ids, UUIDS), (&fences, LONGS), (&at, LONGS)]).await?;
        settled(leases, &rows).map_err(StoreFailure::into_store_error)
    }
}

/// The ids of rows that a statement has changed.
pub(super) fn changed(rows: &[tokio_postgres::Row]) -> Result<HashSet<Uuid>, StoreFailure> {
    rows.iter().map(|row| get(row, "id")).collect()
}

fn lanes_due(rows: &[tokio_postgres::Row]) -> Result<Vec<(LaneId, Timestamp)>, StoreFailure> {
    rows.iter().map(|row| Ok((lane(row, "lane")?, time(row, "due")?))).collect()
}

fn read_claim(
    claim: &Claim,
    leased: &[tokio_postgres::Row],
    next: &[tokio_postgres::Row],
) -> Result<(Claimed, Vec<EndpointId>), StoreFailure> {
    let mut claimed = Claimed { leased: Vec::with_capacity(leased.len()), next: Vec::with_capacity(next.len()) };
    for row in leased {
        let lease = Lease { delivery: delivery_id(row, "id")?, fence: fence(row, "fence")? };
        let one = Leased::new(lease, lane(row, "lane")?, Arc::new(event(row)?), claim.until);
        let one = one.made_at(time(row, "created_at")?);
        claimed.leased.push(one.with_counts(count(row, "attempts")?, count(row, "faults")?));
    }
    let mut removed = Vec::new();
    for row in next {
        let lane = lane(row, "lane")?;
        if get::<Option<bool>>(row, "removed")? == Some(true) {
            removed.extend(lane.endpoint());
        } else if let Some(due) = get::<Option<i64>>(row, "due")? {
            claimed.next.push((lane, Timestamp::from_micros(due)));
        }
    }
    Ok((claimed, removed))
}
