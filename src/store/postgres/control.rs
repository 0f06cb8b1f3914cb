//! The control role.

use async_trait::async_trait;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::PostgresStore;
use super::error::StoreFailure;
use super::order;
use super::outbox::changed;
use super::rows::{BYTES, LONGS, TEXTS, UUIDS, get, uuid_of_delivery};
use super::session::{Operation, Param, Session};
use crate::clock::Timestamp;
use crate::id::{DeliveryId, EventId, Tenant, Work};
use crate::store::relational::lanes_of;
use crate::store::sql::{group_keys, lane_column, publish_key};
use crate::store::{AddDelivery, Control, DedupGroup, StoreError};

#[async_trait]
impl Control for PostgresStore {
    async fn resend(&self, work: Work, deliveries: Vec<(DeliveryId, Timestamp)>) -> Result<Vec<bool>, StoreError> {
        let (ids, dues) = deliveries.iter().map(|(id, due)| (uuid_of_delivery(*id), due.as_micros())).unzip();
        let resent = self.db.transact(Resending { work, ids, dues }).await?;
        self.notify_if_any(&resent);
        Ok(resent)
    }

    async fn cancel(&self, work: Work, deliveries: Vec<DeliveryId>, now: Timestamp) -> Result<Vec<bool>, StoreError> {
        let ids = deliveries.into_iter().map(uuid_of_delivery).collect();
        let cancelled = self.db.transact(Cancelling { work, ids, now }).await?;
        // The next deliveries of their ordering keys may follow.
        self.notify_if_any(&cancelled);
        Ok(cancelled)
    }

    async fn add_deliveries(&self, batch: Vec<AddDelivery>) -> Result<Vec<bool>, StoreError> {
        let added = self.db.transact(Adding(batch)).await?;
        self.notify_if_any(&added);
        Ok(added)
    }

    async fn expunge(&self, work: Work, tenant: &Tenant, event: &EventId, now: Timestamp) -> Result<bool, StoreError> {
        let key = publish_key(work, event).into_owned();
        self.db.transact(Expunging { work, tenant: tenant.clone(), key, now }).await
    }

    async fn forget_received(&self, tenant: &Tenant, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError> {
        self.db.transact(Forgetting { tenant: tenant.clone(), groups: groups.to_vec() }).await
    }
}

impl PostgresStore {
    /// Wakes the workers of other processes if something has changed.
    fn notify_if_any(&self, changed: &[bool]) {
        if changed.contains(&true) {
            self.notifier.notify();
        }
    }
}

/// A freed id is followed by a dash and the number of its event. The key of the signed bytes is as in `replay_key`.
const FORGET_RECEIVED: &str = "WITH freed AS (\
     UPDATE hookwire.publish k SET id = k.id || '-' || k.event \
     FROM unnest($2, $3) WITH ORDINALITY AS g (first, ends, item) \
     WHERE k.tenant = $1 AND k.id >= g.first AND k.id < g.ends AND strpos(k.id, '-') = 0 \
     RETURNING k.id, k.event, k.fingerprint, g.item), \
     renamed AS (UPDATE hookwire.event e SET id = substr(f.id, 2) FROM freed f WHERE e.key = f.event), \
     repeatable AS (DELETE FROM hookwire.publish k USING freed f \
     WHERE k.tenant = $1 AND k.id = ':r' || encode(f.fingerprint, 'hex')) \
     SELECT item FROM freed";

struct Forgetting {
    tenant: Tenant,
    groups: Vec<DedupGroup>,
}

impl Operation for Forgetting {
    type Answer = Vec<u64>;

    async fn run(&self, session: &Session<'_>) -> Result<Vec<u64>, StoreFailure> {
        let (firsts, ends): (Vec<_>, Vec<_>) = self.groups.iter().map(group_keys).unzip();
        let params: [Param<'_>; 3] = [(&self.tenant.as_str(), Type::TEXT), (&firsts, TEXTS), (&ends, TEXTS)];
        let mut forgotten = vec![0; self.groups.len()];
        let rows = session.query(FORGET_RECEIVED, &params).await?;
        for row in &rows {
            let group = usize::try_from(get::<i64>(row, "item")?).ok().and_then(|group| group.checked_sub(1));
            if let Some(count) = group.and_then(|group| forgotten.get_mut(group)) {
                *count += 1;
            }
        }
        if rows.is_empty() {
            session.wait_for_replication().await?;
        }
        Ok(forgotten)
    }
}

/// Whether each of these was changed; a repeated id changes nothing the second time.
fn results(ids: &[Uuid], rows: &[tokio_postgres::Row]) -> Result<Vec<bool>, StoreFailure> {
    let mut changed = changed(rows)?;
    Ok(ids.iter().map(|id| changed.remove(id)).collect())
}

/// The caller relies on a delivery that was already resent or cancelled, so the commit waits for the replication of that change.
async fn with_replication_wait(session: &Session<'_>, changed: Vec<bool>) -> Result<Vec<bool>, StoreFailure> {
    if changed.contains(&false) {
        session.wait_for_replication().await?;
    }
    Ok(changed)
}

/// The condition that the endpoint of a lane is not removed.
macro_rules! is_owed {
    ($lane:literal) => {
        concat!(
            "NOT EXISTS (SELECT 1 FROM hookwire.endpoint n WHERE n.state = 2 AND n.id = CASE WHEN length(",
            $lane,
            ") = 16 THEN encode(",
            $lane,
            ", 'hex')::uuid END)"
        )
    };
}

fn resend_sql(work: Work) -> String {
    format!(
        "WITH r AS MATERIALIZED (SELECT DISTINCT ON (id) id, due FROM unnest($1, $2) AS r (id, due)), \
             gone AS (DELETE FROM hookwire.finished f USING r WHERE f.id = r.id AND {} AND {} AND EXISTS \
             (SELECT 1 FROM hookwire.event e WHERE e.key = f.event AND NOT e.expunged) RETURNING f.*, r.due AS again), \
             back AS (INSERT INTO hookwire.delivery (id, event, lane, state, due, leased, fence, attempts, faults, created_at, \
             order_key, place, log) SELECT id, event, lane, 0, again, false, fence + 1, 0, 0, created_at, order_key, \
             CASE WHEN order_key IS NULL THEN 0 ELSE (SELECT e.place FROM hookwire.event e WHERE e.key = event) END, log \
             FROM gone RETURNING id), \
             freed AS (UPDATE hookwire.delivery d SET state = 0, attempts = 0, faults = 0, fence = d.fence + 1, \
             leased = false, reason = NULL, due = r.due FROM r \
             WHERE d.id = r.id AND d.state = 4 AND {} AND {} AND EXISTS \
             (SELECT 1 FROM hookwire.event e WHERE e.key = d.event AND NOT e.expunged) RETURNING d.id) \
             SELECT id FROM back UNION ALL SELECT id FROM freed",
        lanes_of!("f.lane", work),
        is_owed!("f.lane"),
        lanes_of!("d.lane", work),
        is_owed!("d.lane")
    )
}

struct Resending {
    work: Work,
    ids: Vec<Uuid>,
    dues: Vec<i64>,
}

impl Operation for Resending {
    type Answer = Vec<bool>;

    async fn run(&self, session: &Session<'_>) -> Result<Vec<bool>, StoreFailure> {
        let lanes = order::lanes_of_deliveries(session, &self.ids).await?;
        order::lock(session, &lanes).await?;
        let sql = resend_sql(self.work);
        let rows =
            session.query_text(&session.schema().apply(&sql), &[(&self.ids, UUIDS), (&self.dues, LONGS)]).await?;
        let due = self.dues.iter().copied().max().map(Timestamp::from_micros).unwrap_or_default();
        order::arrange(session, &lanes, due).await?;
        with_replication_wait(session, results(&self.ids, &rows)?).await
    }
}

fn cancel_sql(work: Work) -> String {
    format!(
        "WITH gone AS (DELETE FROM hookwire.delivery WHERE id = ANY($1) AND {} RETURNING *) \
         INSERT INTO hookwire.finished (id, event, lane, state, due, fence, attempts, created_at, order_key, finished_at, \
         reason, log) SELECT id, event, lane, 3, due, fence + 1, attempts, created_at, order_key, $2, NULL, log FROM gone \
         RETURNING id",
        lanes_of!("lane", work)
    )
}

struct Cancelling {
    work: Work,
    ids: Vec<Uuid>,
    now: Timestamp,
}

impl Operation for Cancelling {
    type Answer = Vec<bool>;

    async fn run(&self, session: &Session<'_>) -> Result<Vec<bool>, StoreFailure> {
        let lanes = order::lanes_of_deliveries(session, &self.ids).await?;
        order::lock(session, &lanes).await?;
        let sql = cancel_sql(self.work);
        let rows = session
            .query_text(&session.schema().apply(&sql), &[(&self.ids, UUIDS), (&self.now.as_micros(), Type::INT8)])
            .await?;
        order::arrange(session, &lanes, self.now).await?;
        with_replication_wait(session, results(&self.ids, &rows)?).await
    }
}

const ADD: &str = concat!(
    "INSERT INTO hookwire.delivery (id, event, lane, state, due, leased, fence, attempts, faults, \
     created_at, order_key, place, log) SELECT o.id, e.key, o.lane, 0, o.due, false, 0, 0, 0, o.made, e.order_key, \
     e.place, '' \
     FROM unnest($1, $2, $3, $4, $5, $6) AS o (id, tenant, event, lane, due, made) \
     JOIN hookwire.publish k ON k.tenant = o.tenant AND k.id = o.event \
     JOIN hookwire.event e ON e.key = k.event AND NOT e.expunged WHERE ",
    is_owed!("o.lane"),
    " AND NOT EXISTS (SELECT 1 FROM hookwire.finished f WHERE f.id = o.id) RETURNING id, lane, order_key"
);

struct Adding(Vec<AddDelivery>);

impl Operation for Adding {
    type Answer = Vec<bool>;

    async fn run(&self, session: &Session<'_>) -> Result<Vec<bool>, StoreFailure> {
        let batch = &self.0;
        let ids: Vec<_> = batch.iter().map(|new| uuid_of_delivery(new.delivery)).collect();
        let tenants: Vec<_> = batch.iter().map(|new| new.tenant.as_str()).collect();
        let events: Vec<_> = batch.iter().map(|new| publish_key(new.lane.work(), &new.event)).collect();
        let lanes: Vec<_> = batch.iter().map(|new| lane_column(new.lane)).collect();
        let dues: Vec<_> = batch.iter().map(|new| new.due.as_micros()).collect();
        let made: Vec<_> = batch.iter().map(|new| new.now.as_micros()).collect();
        let params: [Param<'_>; 6] =
            [(&ids, UUIDS), (&tenants, TEXTS), (&events, TEXTS), (&lanes, BYTES), (&dues, LONGS), (&made, LONGS)];
        let rows = session.query(ADD, &params).await?;
        let mut lanes = Vec::new();
        for row in &rows {
            if let Some(key) = get::<Option<String>>(row, "order_key")? {
                lanes.push((get(row, "lane")?, key));
            }
        }
        order::lock(session, &lanes).await?;
        let due = batch.iter().map(|new| new.due).max().unwrap_or_default();
        order::arrange(session, &lanes, due).await?;
        results(&ids, &rows)
    }
}

struct Expunging {
    work: Work,
    tenant: Tenant,
    /// The key under which the event's id is taken.
    key: String,
    now: Timestamp,
}

impl Operation for Expunging {
    type Answer = bool;

    async fn run(&self, session: &Session<'_>) -> Result<bool, StoreFailure> {
        let find = "SELECT event FROM hookwire.publish WHERE tenant = $1 AND id = $2";
        let name: [Param<'_>; 2] = [(&self.tenant.as_str(), Type::TEXT), (&self.key, Type::TEXT)];
        let rows = session.query(find, &name).await?;
        let Some(row) = rows.first() else { return Ok(false) };
        let key: [Param<'_>; 1] = [(&get::<i64>(row, "event")?, Type::INT8)];
        session.query("UPDATE hookwire.event SET body = '', expunged = true WHERE key = $1", &key).await?;
        let owed = session.query("SELECT id FROM hookwire.delivery WHERE event = $1", &key).await?;
        let ids = owed.iter().map(|row| get(row, "id")).collect::<Result<Vec<Uuid>, _>>()?;
        Cancelling { work: self.work, ids, now: self.now }.run(session).await?;
        Ok(true)
    }
}
