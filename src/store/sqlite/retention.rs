//! Retention in SQL.

use async_trait::async_trait;
use rusqlite::params;

use super::SqliteStore;
use super::rows::{delivery_id, time};
use super::session::Session;
use crate::clock::Timestamp;
use crate::id::Work;
use crate::store::relational::{events_of, keys_of, lanes_of};
use crate::store::{FinishedCursor, Retention, RetentionCutoff, StoreError};

#[async_trait]
impl Retention for SqliteStore {
    async fn prune(&self, work: Work, old: RetentionCutoff, limit: u32) -> Result<u64, StoreError> {
        self.write(move |session| prune(session, work, old, limit)).await
    }

    async fn drop_payloads(
        &self,
        work: Work,
        after: FinishedCursor,
        before: Timestamp,
        limit: u32,
    ) -> Result<Option<FinishedCursor>, StoreError> {
        self.write(move |session| drop_payloads(session, work, after, (before, limit))).await
    }
}

/// Selects finished deliveries of one kind of work, by an index of their own.
fn finished(work: Work) -> String {
    let of_work = lanes_of!("lane", work);
    format!(
        "SELECT id, event FROM hookwire_delivery WHERE finished_at < ?1 AND {of_work} ORDER BY finished_at LIMIT ?2"
    )
}

/// Selects events of one kind of work without deliveries, by an index of their own.
fn childless(work: Work) -> String {
    let of_work = events_of!("audience", work);
    format!("SELECT seq FROM hookwire_event WHERE childless < ?1 AND {of_work} ORDER BY childless LIMIT ?2")
}

/// Selects ids of deleted events of one kind of work, by an index of their own.
fn spent(work: Work) -> String {
    format!("SELECT id, tenant FROM hookwire_publish WHERE spent < ?1 AND {} ORDER BY spent LIMIT ?2", keys_of(work))
}

fn prune(session: &Session<'_>, work: Work, old: RetentionCutoff, limit: u32) -> rusqlite::Result<u64> {
    let deliveries = prune_deliveries(session, work, (old.work, limit))?;
    let events = prune_events(session, work, (old, limit))?;
    let sql = format!("DELETE FROM hookwire_publish WHERE (id, tenant) IN ({})", spent(work));
    let keys = session.prepare_cached(&sql)?.execute(params![old.keys.as_micros(), limit])?;
    Ok(u64::try_from(deliveries.max(events).max(keys)).unwrap_or(u64::MAX))
}

fn select_payloads(work: Work) -> String {
    let of_work = lanes_of!("lane", work);
    format!(
        "SELECT finished_at, id, event FROM hookwire_delivery WHERE (finished_at, id) > (?1, ?2) AND finished_at < ?3 \
         AND {of_work} ORDER BY finished_at, id LIMIT ?4"
    )
}

fn drop_payloads(
    session: &Session<'_>,
    work: Work,
    (after, id): FinishedCursor,
    (before, limit): (Timestamp, u32),
) -> rusqlite::Result<Option<FinishedCursor>> {
    let values = params![after.as_micros(), id.as_bytes(), before.as_micros(), limit];
    let read = |row: &rusqlite::Row<'_>| Ok((time(row, 0)?, delivery_id(row, 1)?, row.get::<_, i64>(2)?));
    let found =
        session.prepare_cached(&select_payloads(work))?.query_map(values, read)?.collect::<Result<Vec<_>, _>>()?;
    let mut forget = session.prepare_cached(
        "UPDATE hookwire_event SET expunged = 1 WHERE seq = ?1 AND expunged = 0 AND NOT EXISTS \
         (SELECT 1 FROM hookwire_delivery d WHERE d.event = ?1 AND d.finished_at IS NULL)",
    )?;
    let mut payload = session.prepare_cached("UPDATE hookwire_payload SET body = x'' WHERE event = ?1")?;
    for (_, _, event) in &found {
        if forget.execute([event])? > 0 {
            payload.execute([event])?;
        }
    }
    Ok(found.last().filter(|_| found.len() == limit as usize).map(|(at, id, _)| (*at, *id)))
}

fn prune_deliveries(session: &Session<'_>, work: Work, (before, limit): (Timestamp, u32)) -> rusqlite::Result<usize> {
    let gone: Vec<(Vec<u8>, i64)> = session
        .prepare_cached(&finished(work))?
        .query_map(params![before.as_micros(), limit], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut attempts = session.prepare_cached("DELETE FROM hookwire_attempt WHERE delivery = ?1")?;
    let mut delivery = session.prepare_cached("DELETE FROM hookwire_delivery WHERE id = ?1")?;
    let mut event = session.prepare_cached(
        "UPDATE hookwire_event SET childless = appended_at \
         WHERE seq = ?1 AND NOT EXISTS (SELECT 1 FROM hookwire_delivery d WHERE d.event = ?1)",
    )?;
    for (id, seq) in &gone {
        attempts.execute([id])?;
        delivery.execute([id])?;
        event.execute([seq])?;
    }
    Ok(gone.len())
}

/// The cost is proportional to what is deleted: events with unfinished deliveries are never read, however old they are. The signed bytes of
/// an event are freed together with its id, as in `replay_key`.
const SPEND_REPLAY: &str = "UPDATE hookwire_publish SET spent = (SELECT appended_at FROM hookwire_event WHERE seq = ?1) \
     WHERE event = ?1 AND (tenant, id) = (SELECT k.tenant, ':r' || lower(hex(k.fingerprint)) FROM hookwire_event e \
     JOIN hookwire_publish k ON k.tenant = e.tenant AND k.id = ':' || e.id AND k.event = e.seq \
     WHERE e.seq = ?1 AND k.fingerprint IS NOT NULL)";

fn prune_events(session: &Session<'_>, work: Work, (old, limit): (RetentionCutoff, u32)) -> rusqlite::Result<usize> {
    let sequences: Vec<i64> = session
        .prepare_cached(&childless(work))?
        .query_map(params![old.work.as_micros(), limit], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for seq in &sequences {
        // The key is made as in `publish_key`.
        let publish = "UPDATE hookwire_publish SET spent = (SELECT appended_at FROM hookwire_event WHERE seq = ?1) \
                       WHERE (tenant, id) = (SELECT tenant, iif(audience = 2, ':' || id, id) FROM hookwire_event \
                       WHERE seq = ?1) AND event = ?1";
        if work == Work::Received {
            session.execute(SPEND_REPLAY, [seq])?;
        }
        for sql in
            [publish, "DELETE FROM hookwire_payload WHERE event = ?1", "DELETE FROM hookwire_event WHERE seq = ?1"]
        {
            session.execute(sql, [seq])?;
        }
    }
    Ok(sequences.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::schema;

    /// Pending and recent rows must not slow pruning down, however many there are.
    #[test]
    fn prune_finds_what_it_may_forget_by_index_alone() {
        let mut connection = rusqlite::Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        let all = [(Work::Sent, "sent"), (Work::Received, "received")].map(|(work, kind)| {
            [(finished(work), "finished"), (childless(work), "childless"), (spent(work), "spent")]
                .map(|(sql, index)| (sql, format!("hookwire_{index}_{kind}")))
        });
        for (sql, index) in all.as_flattened() {
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let steps: Vec<String> = plan.query_map([0, 1], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
            let [step] = &steps[..] else { panic!("{sql}: {steps:?}") };
            assert!(step.starts_with("SEARCH") && step.contains(index), "{sql}: {step}");
        }
    }
}
