//! Changes on behalf of an operator, in SQL.

use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};

use super::SqliteStore;
use super::order::{self, NewRow};
use super::session::Session;
use crate::clock::Timestamp;
use crate::id::{DeliveryId, EventId, Tenant, Work};
use crate::store::relational::lanes_of;
use crate::store::sql::{REPLAY, group_keys, lane_column, publish_key};
use crate::store::{AddDelivery, Control, DedupGroup, StoreError};

#[async_trait]
impl Control for SqliteStore {
    async fn resend(&self, work: Work, deliveries: Vec<(DeliveryId, Timestamp)>) -> Result<Vec<bool>, StoreError> {
        let all =
            move |session: &Session<'_>| deliveries.iter().map(|(id, due)| resend(session, work, *id, *due)).collect();
        self.write(all).await
    }

    async fn cancel(&self, work: Work, deliveries: Vec<DeliveryId>, now: Timestamp) -> Result<Vec<bool>, StoreError> {
        self.write(move |session| deliveries.iter().map(|id| cancel(session, work, *id, now)).collect()).await
    }

    async fn add_deliveries(&self, batch: Vec<AddDelivery>) -> Result<Vec<bool>, StoreError> {
        self.write(move |session| batch.iter().map(|one| add_delivery(session, one)).collect()).await
    }

    async fn expunge(&self, work: Work, tenant: &Tenant, event: &EventId, now: Timestamp) -> Result<bool, StoreError> {
        let (tenant, key) = (tenant.clone(), publish_key(work, event).into_owned());
        self.write(move |session| expunge(session, work, [tenant.as_str(), &key], now)).await
    }

    async fn forget_received(&self, tenant: &Tenant, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError> {
        let (tenant, groups) = (tenant.clone(), groups.to_vec());
        self.write(move |session| groups.iter().map(|group| forget_received(session, &tenant, group)).collect()).await
    }
}

/// The taken ids of a group. An id that was freed before is followed by a dash and the number of its event.
const TAKEN: &str = "SELECT id, event, fingerprint FROM hookwire_publish \
     WHERE id >= ?2 AND id < ?3 AND tenant = ?1 AND instr(id, '-') = 0";

fn forget_received(session: &Session<'_>, tenant: &Tenant, group: &DedupGroup) -> rusqlite::Result<u64> {
    let (first, end) = group_keys(group);
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let taken: Vec<(String, i64, Option<Vec<u8>>)> = session
        .prepare_cached(TAKEN)?
        .query_map([tenant.as_str(), &first, &end], read)?
        .collect::<rusqlite::Result<_>>()?;
    for (id, event, replay) in &taken {
        let freed = format!("{id}-{event}");
        let rename = "UPDATE hookwire_publish SET id = ?3 WHERE id = ?2 AND tenant = ?1";
        session.execute(rename, [tenant.as_str(), id, &freed])?;
        let rename = "UPDATE hookwire_event SET id = ?2 WHERE seq = ?1";
        session.execute(rename, params![event, freed.trim_start_matches(':')])?;
        if let Some(replay) = replay {
            let forget = "DELETE FROM hookwire_publish WHERE id = ?2 AND tenant = ?1";
            let replay = format!("{REPLAY}{}", hex::encode(replay));
            session.execute(forget, [tenant.as_str(), &replay])?;
        }
    }
    Ok(taken.len() as u64)
}

/// The lane and the ordering key of a row.
fn key(row: &rusqlite::Row<'_>) -> rusqlite::Result<(Vec<u8>, Option<String>)> {
    Ok((row.get(0)?, row.get(1)?))
}

/// The condition that the endpoint of a lane is not removed.
const IS_OWED: &str = "NOT EXISTS (SELECT 1 FROM hookwire_endpoint n WHERE n.id = lane AND n.state = 2)";

fn resend(session: &Session<'_>, work: Work, id: DeliveryId, due: Timestamp) -> rusqlite::Result<bool> {
    let sql = format!(
        "UPDATE hookwire_delivery SET state = 0, due = ?2, attempts = 0, faults = 0, fence = fence + 1, \
         finished_at = NULL, reason = NULL WHERE id = ?1 AND state <> 0 AND {} AND {IS_OWED} AND NOT EXISTS \
         (SELECT 1 FROM hookwire_event e WHERE e.seq = event AND e.expunged = 1) RETURNING lane, order_key",
        lanes_of!("lane", work)
    );
    let found = session.prepare_cached(&sql)?.query_row(params![id.as_bytes(), due.as_micros()], key).optional()?;
    arrange_found(session, found, due)
}

fn cancel(session: &Session<'_>, work: Work, id: DeliveryId, now: Timestamp) -> rusqlite::Result<bool> {
    let sql = format!(
        "UPDATE hookwire_delivery SET state = 3, finished_at = ?2, fence = fence + 1, reason = NULL \
         WHERE id = ?1 AND finished_at IS NULL AND {} RETURNING lane, order_key",
        lanes_of!("lane", work)
    );
    let found = session.prepare_cached(&sql)?.query_row(params![id.as_bytes(), now.as_micros()], key).optional()?;
    arrange_found(session, found, now)
}

/// Brings the ordering key of a changed row into order. Returns whether the row exists.
fn arrange_found(
    session: &Session<'_>,
    found: Option<(Vec<u8>, Option<String>)>,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let Some((lane, key)) = found else { return Ok(false) };
    if let Some(key) = key {
        order::arrange_key(session, (&lane, &key), now)?;
    }
    Ok(true)
}

fn add_delivery(session: &Session<'_>, new: &AddDelivery) -> rusqlite::Result<bool> {
    let find = format!(
        "SELECT e.seq, e.order_key FROM (SELECT ?3 AS lane) JOIN hookwire_publish k JOIN hookwire_event e ON e.seq = k.event \
         WHERE k.tenant = ?1 AND k.id = ?2 AND e.expunged = 0 AND {IS_OWED}"
    );
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?));
    let (lane, published) = (lane_column(new.lane), publish_key(new.lane.work(), &new.event));
    let keys = params![new.tenant.as_str(), &published, lane];
    let Some((event, key)) = session.prepare_cached(&find)?.query_row(keys, read).optional()? else {
        return Ok(false);
    };
    let (id, due, now) = (new.delivery, new.due, new.now);
    order::insert(session, &NewRow { id, event, lane: &lane, key: key.as_deref(), due, is_leased: false, now })?;
    session.execute("UPDATE hookwire_event SET childless = NULL WHERE seq = ?1", [event])?;
    Ok(true)
}

fn expunge(session: &Session<'_>, work: Work, keys: [&str; 2], now: Timestamp) -> rusqlite::Result<bool> {
    let find = "SELECT event FROM hookwire_publish WHERE tenant = ?1 AND id = ?2";
    let Some(seq) = session.query_row(find, keys, |row| row.get::<_, i64>(0)).optional()? else {
        return Ok(false);
    };
    session.execute("UPDATE hookwire_payload SET body = x'' WHERE event = ?1", [seq])?;
    session.execute("UPDATE hookwire_event SET expunged = 1 WHERE seq = ?1", [seq])?;
    let owed = "SELECT id FROM hookwire_delivery WHERE event = ?1 AND finished_at IS NULL";
    let ids: Vec<[u8; 16]> =
        session.prepare_cached(owed)?.query_map([seq], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for id in ids {
        cancel(session, work, DeliveryId::from_bytes(id), now)?;
    }
    Ok(true)
}
