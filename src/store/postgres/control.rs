//! The role that changes by hand what is owed.

use async_trait::async_trait;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::PostgresStore;
use super::error::Trouble;
use super::order;
use super::outbox::changed;
use super::rows::{BYTES, LONGS, TEXTS, UUIDS, audience, event_id, event_type, fence, get, time, uuid_of_delivery};
use super::session::{Operation, Param, Session};
use crate::clock::Timestamp;
use crate::id::{DeliveryId, EventId, LaneId, Tenant, Work};
use crate::store::relational::{audience_condition, cursor, keys_of_group, lane_column, lanes_of, publish_key};
use crate::store::{Control, DedupGroup, EventQuery, EventSummary, Owe, Page, StoreError};

#[async_trait]
impl Control for PostgresStore {
    async fn resend(&self, work: Work, deliveries: Vec<(DeliveryId, Timestamp)>) -> Result<Vec<bool>, StoreError> {
        let (ids, dues) = deliveries.iter().map(|(id, due)| (uuid_of_delivery(*id), due.as_micros())).unzip();
        self.db.transact(Resending { work, ids, dues }).await
    }

    async fn cancel(&self, work: Work, deliveries: Vec<DeliveryId>, now: Timestamp) -> Result<Vec<bool>, StoreError> {
        let ids = deliveries.into_iter().map(uuid_of_delivery).collect();
        self.db.transact(Cancelling { work, ids, now }).await
    }

    async fn owe(&self, batch: Vec<Owe>) -> Result<Vec<bool>, StoreError> {
        self.db.transact(Owing(batch)).await
    }

    async fn events(&self, query: &EventQuery, page: Page<u64>) -> Result<Vec<EventSummary>, StoreError> {
        let after = cursor(page);
        let (tenant, from, to) = (query.tenant.as_str(), query.from.as_micros(), query.to.as_micros());
        let missing_at = query.missing_at.map(|id| lane_column(id.into()));
        let limit = i64::from(page.limit);
        let params: [Param<'_>; 6] = [
            (&after, Type::INT8),
            (&tenant, Type::TEXT),
            (&from, Type::INT8),
            (&to, Type::INT8),
            (&missing_at, Type::BYTEA),
            (&limit, Type::INT8),
        ];
        let rows = self.query_text(&events_sql(query, page), &params).await?;
        rows.iter().map(summary).collect::<Result<_, _>>().map_err(Trouble::into_store_error)
    }

    async fn expunge(&self, work: Work, tenant: &Tenant, event: &EventId, now: Timestamp) -> Result<bool, StoreError> {
        let key = publish_key(work, event).into_owned();
        self.db.transact(Expunging { work, tenant: tenant.clone(), key, now }).await
    }

    async fn waiting(&self, lanes: &[LaneId], most: u32) -> Result<u32, StoreError> {
        let lanes: Vec<_> = lanes.iter().map(|lane| lane_column(*lane)).collect();
        let sql = "SELECT count(*) AS waiting FROM \
                   (SELECT 1 FROM hookwire.delivery WHERE state = 0 AND lane = ANY($1) LIMIT $2) AS counted";
        let rows = self.db.query(sql, &[(&lanes, BYTES), (&i64::from(most), Type::INT8)]).await?;
        let waiting: i64 = rows.first().map_or(Ok(0), |row| get(row, "waiting")).map_err(Trouble::into_store_error)?;
        Ok(u32::try_from(waiting).unwrap_or(most))
    }

    async fn forget_received(&self, tenant: &Tenant, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError> {
        self.db.transact(Forgetting { tenant: tenant.clone(), groups: groups.to_vec() }).await
    }
}

/// An id that was freed before has a dash, and its event's number, behind it. The signed bytes' key is as in `replay_key`.
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

    async fn run(&self, session: &Session<'_>) -> Result<Vec<u64>, Trouble> {
        let (firsts, ends): (Vec<_>, Vec<_>) = self.groups.iter().map(keys_of_group).unzip();
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
            session.witness().await?;
        }
        Ok(forgotten)
    }
}

fn events_sql(query: &EventQuery, page: Page<u64>) -> String {
    let (beyond, order) = page.direction();
    format!(
        "SELECT e.key, e.id AS event_id, e.type AS event_type, e.appended_at, e.audience FROM hookwire.event e \
         WHERE {} AND e.key {beyond} $1 AND e.tenant = $2 AND e.appended_at >= $3 AND e.appended_at < $4 AND NOT e.expunged \
         AND ($5 IS NULL OR NOT EXISTS (SELECT 1 FROM hookwire.every_delivery d WHERE d.event = e.key AND d.lane = $5)) \
         ORDER BY e.key {order} LIMIT $6",
        audience_condition(query)
    )
}

fn summary(row: &tokio_postgres::Row) -> Result<EventSummary, Trouble> {
    Ok(EventSummary {
        cursor: fence(row, "key")?,
        id: event_id(row, "event_id")?,
        event_type: event_type(row, "event_type")?,
        audience: audience(row, "audience")?,
        appended_at: time(row, "appended_at")?,
    })
}

/// Which of these were changed; a second mention changes nothing.
fn answers(ids: &[Uuid], rows: &[tokio_postgres::Row]) -> Result<Vec<bool>, Trouble> {
    let mut changed = changed(rows)?;
    Ok(ids.iter().map(|id| changed.remove(id)).collect())
}

/// Who is told that something was resent or cancelled before believes it.
async fn witnessed(session: &Session<'_>, changed: Vec<bool>) -> Result<Vec<bool>, Trouble> {
    if changed.contains(&false) {
        session.witness().await?;
    }
    Ok(changed)
}

// What has an ordering key waits for its turn.
fn resend_sql(work: Work) -> String {
    format!(
        "WITH r AS MATERIALIZED (SELECT DISTINCT ON (id) id, due FROM unnest($1, $2) AS r (id, due)), \
             gone AS (DELETE FROM hookwire.finished f USING r WHERE f.id = r.id AND {} AND EXISTS \
             (SELECT 1 FROM hookwire.event e WHERE e.key = f.event AND NOT e.expunged) RETURNING f.*, r.due AS again), \
             back AS (INSERT INTO hookwire.delivery (id, event, lane, state, due, leased, fence, attempts, faults, created_at, \
             order_key, place, log) SELECT id, event, lane, 0, \
             CASE WHEN order_key IS NULL THEN again ELSE 9223372036854775807 END, \
             false, fence + 1, 0, 0, created_at, order_key, \
             CASE WHEN order_key IS NULL THEN 0 ELSE (SELECT e.place FROM hookwire.event e WHERE e.key = event) END, log \
             FROM gone RETURNING id), \
             freed AS (UPDATE hookwire.delivery d SET state = 0, attempts = 0, faults = 0, fence = d.fence + 1, \
             leased = false, reason = NULL, \
             due = CASE WHEN d.order_key IS NULL THEN r.due ELSE 9223372036854775807 END FROM r \
             WHERE d.id = r.id AND d.state = 4 AND {} AND EXISTS \
             (SELECT 1 FROM hookwire.event e WHERE e.key = d.event AND NOT e.expunged) RETURNING d.id) \
             SELECT id FROM back UNION ALL SELECT id FROM freed",
        lanes_of!("f.lane", work),
        lanes_of!("d.lane", work)
    )
}

struct Resending {
    work: Work,
    ids: Vec<Uuid>,
    dues: Vec<i64>,
}

impl Operation for Resending {
    type Answer = Vec<bool>;

    async fn run(&self, session: &Session<'_>) -> Result<Vec<bool>, Trouble> {
        let lanes = order::lanes_of_deliveries(session, &self.ids).await?;
        order::lock(session, &lanes).await?;
        let sql = resend_sql(self.work);
        let rows =
            session.query_text(&session.schema().apply(&sql), &[(&self.ids, UUIDS), (&self.dues, LONGS)]).await?;
        let due = self.dues.iter().copied().max().map(Timestamp::from_micros).unwrap_or_default();
        order::arrange_for(session, &lanes, due).await?;
        witnessed(session, answers(&self.ids, &rows)?).await
    }
}

fn cancel_sql(work: Work) -> String {
    format!(
        "WITH gone AS (DELETE FROM hookwire.delivery WHERE id = ANY($1) AND {} RETURNING *) \
         INSERT INTO hookwire.finished (id, event, lane, state, due, fence, attempts, created_at, order_key, finished_at, \
         reason, log) SELECT id, event, lane, 3, due, fence + 1, attempts, created_at, order_key, $2, reason, log FROM gone \
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

    async fn run(&self, session: &Session<'_>) -> Result<Vec<bool>, Trouble> {
        let lanes = order::lanes_of_deliveries(session, &self.ids).await?;
        order::lock(session, &lanes).await?;
        let sql = cancel_sql(self.work);
        let rows = session
            .query_text(&session.schema().apply(&sql), &[(&self.ids, UUIDS), (&self.now.as_micros(), Type::INT8)])
            .await?;
        order::arrange(session, &lanes, self.now).await?;
        witnessed(session, answers(&self.ids, &rows)?).await
    }
}

const OWE: &str = "INSERT INTO hookwire.delivery (id, event, lane, state, due, leased, fence, attempts, faults, \
     created_at, order_key, place, log) SELECT o.id, e.key, o.lane, 0, \
     CASE WHEN e.order_key IS NULL THEN o.due ELSE 9223372036854775807 END, false, 0, 0, 0, o.made, e.order_key, \
     e.place, '' \
     FROM unnest($1, $2, $3, $4, $5, $6) AS o (id, tenant, event, lane, due, made) \
     JOIN hookwire.publish k ON k.tenant = o.tenant AND k.id = o.event \
     JOIN hookwire.event e ON e.key = k.event AND NOT e.expunged RETURNING id, lane, order_key";

struct Owing(Vec<Owe>);

impl Operation for Owing {
    type Answer = Vec<bool>;

    async fn run(&self, session: &Session<'_>) -> Result<Vec<bool>, Trouble> {
        let batch = &self.0;
        let ids: Vec<_> = batch.iter().map(|owe| uuid_of_delivery(owe.delivery)).collect();
        let tenants: Vec<_> = batch.iter().map(|owe| owe.tenant.as_str()).collect();
        let events: Vec<_> = batch.iter().map(|owe| publish_key(owe.lane.work(), &owe.event)).collect();
        let lanes: Vec<_> = batch.iter().map(|owe| lane_column(owe.lane)).collect();
        let dues: Vec<_> = batch.iter().map(|owe| owe.due.as_micros()).collect();
        let made: Vec<_> = batch.iter().map(|owe| owe.now.as_micros()).collect();
        let params: [Param<'_>; 6] =
            [(&ids, UUIDS), (&tenants, TEXTS), (&events, TEXTS), (&lanes, BYTES), (&dues, LONGS), (&made, LONGS)];
        let rows = session.query(OWE, &params).await?;
        let mut lanes = Vec::new();
        for row in &rows {
            if let Some(key) = get::<Option<String>>(row, "order_key")? {
                lanes.push((get(row, "lane")?, key));
            }
        }
        order::lock(session, &lanes).await?;
        let due = batch.iter().map(|owe| owe.due).max().unwrap_or_default();
        order::arrange_for(session, &lanes, due).await?;
        answers(&ids, &rows)
    }
}

struct Expunging {
    work: Work,
    tenant: Tenant,
    /// Under which the event's id is taken.
    key: String,
    now: Timestamp,
}

impl Operation for Expunging {
    type Answer = bool;

    async fn run(&self, session: &Session<'_>) -> Result<bool, Trouble> {
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
