//! The dedup role, in groups: a beginning is a row, not a transaction.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use tokio_postgres::types::Type;

use super::PostgresStore;
use super::error::Trouble;
use super::group::Batch;
use super::rows::{BYTES, INTS, LONGS, TEXTS, get, signed};
use super::session::{Db, Operation, Param, Session};
use crate::clock::Timestamp;
use crate::store::{
    Begin, Claimant, Dedup, DedupEntry, DedupGroup, DedupKey, FirstAnswer, Settled, StoreError, StoreErrorKind,
};

/// How often a key is asked for that is forgotten whenever it is looked at.
const TRIES: usize = 5;

#[async_trait]
impl Dedup for PostgresStore {
    async fn begin(
        &self,
        entries: &[DedupEntry],
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<Begin>, StoreError> {
        let begin = |entry: &DedupEntry| Beginning { entry: *entry, now, until: lease_until };
        self.beginnings.call(entries.iter().map(begin).collect(), 0).await
    }

    async fn finish(
        &self,
        claimants: &[Claimant],
        answer: &FirstAnswer,
        expires: Timestamp,
    ) -> Result<Vec<Settled>, StoreError> {
        let finish = |claimant: &Claimant| Finish { claimant: *claimant, answer: answer.clone(), expires };
        self.finishes.call(claimants.iter().map(finish).collect(), answer.body.len()).await
    }

    async fn abandon(&self, claimants: &[Claimant]) -> Result<Vec<Settled>, StoreError> {
        if claimants.is_empty() {
            return Ok(Vec::new());
        }
        // The row stays until it is pruned, so that the next beginning has a higher fence.
        let sql = "UPDATE hookwire.dedup d SET ends = 0 FROM unnest($1, $2) AS c (key, fence) \
                   WHERE d.key = c.key AND d.fence = c.fence AND d.status IS NULL AND d.ends > 0 RETURNING d.key";
        let (keys, fences) = columns(claimants.iter());
        let rows = self.db.query(sql, &[(&keys, BYTES), (&fences, LONGS)]).await?;
        settled(claimants.iter(), &rows).map_err(Trouble::into_store_error)
    }

    async fn forget(&self, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError> {
        self.db.transact(Forgetting(groups.to_vec())).await
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let sql = "DELETE FROM hookwire.dedup WHERE key IN (SELECT key FROM hookwire.dedup WHERE ends <= $1 ORDER BY ends \
                   LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING key";
        let params: [Param<'_>; 2] = [(&now.as_micros(), Type::INT8), (&i64::from(limit), Type::INT8)];
        Ok(self.db.query(sql, &params).await?.len() as u64)
    }
}

struct Forgetting(Vec<DedupGroup>);

impl Operation for Forgetting {
    type Answer = Vec<u64>;

    async fn run(&self, session: &Session<'_>) -> Result<Vec<u64>, Trouble> {
        let sql = "DELETE FROM hookwire.dedup WHERE event_group = ANY($1) AND status IS NOT NULL RETURNING event_group";
        let wanted: Vec<_> = self.0.iter().map(|group| &group.as_bytes()[..]).collect();
        let mut forgotten: HashMap<Vec<u8>, u64> = HashMap::new();
        for row in &session.query(sql, &[(&wanted, BYTES)]).await? {
            let group: &[u8] = get(row, "event_group")?;
            *forgotten.entry(group.to_vec()).or_default() += 1;
        }
        if forgotten.is_empty() {
            session.witness().await?;
        }
        Ok(self.0.iter().map(|group| forgotten.remove(&group.as_bytes()[..]).unwrap_or(0)).collect())
    }
}

/// A key that somebody begins to handle.
#[derive(Clone, Copy)]
pub(super) struct Beginning {
    entry: DedupEntry,
    now: Timestamp,
    until: Timestamp,
}

// The time is part of the fence, so that it rises even over a record that was forgotten in between.
const BEGIN: &str = "INSERT INTO hookwire.dedup AS d (key, fence, ends, event_group) SELECT * FROM unnest($1, $2, $3, $4) \
     ON CONFLICT (key) DO UPDATE SET fence = greatest(d.fence + 1, excluded.fence), ends = excluded.ends, \
     event_group = excluded.event_group, status = NULL, content_type = NULL, body = NULL \
     WHERE d.ends <= excluded.fence RETURNING d.key, d.fence";

// Who is told that an event was handled tells its provider, who forgets it: so this waits for the replication of what it has found.
const BEGUN: &str = "SELECT key, status, ends, content_type, body, \
     CASE WHEN status IS NOT NULL THEN pg_logical_emit_message(true, 'hookwire', '') END AS witness \
     FROM hookwire.dedup WHERE key = ANY($1)";

impl Batch for Beginning {
    type Answer = Begin;

    fn waits(&self, _: &StoreError) -> bool {
        false
    }

    async fn run(db: &Db, batch: Arc<Vec<Self>>) -> Result<Vec<Begin>, StoreError> {
        // In one order, so that two groups never wait for each other; the first of each key, because a statement sees a row once.
        let mut first = BTreeMap::new();
        for one in batch.iter() {
            first.entry(one.entry.key).or_insert(*one);
        }
        let found = begin_all(db, first).await?;
        let mut seen = HashSet::new();
        let answer = |one: &Self| match found.get(&one.entry.key) {
            Some((Begin::Fresh(_), until)) if !seen.insert(one.entry.key) => Begin::Busy { until: *until },
            Some((begin, _)) => {
                seen.insert(one.entry.key);
                begin.clone()
            }
            None => Begin::Busy { until: one.until },
        };
        Ok(batch.iter().map(answer).collect())
    }
}

/// What became of each key, and until when its lease lasts if it is fresh.
type Found = HashMap<DedupKey, (Begin, Timestamp)>;

async fn begin_all(db: &Db, mut left: BTreeMap<DedupKey, Beginning>) -> Result<Found, StoreError> {
    let mut found = Found::new();
    for _ in 0..TRIES {
        let keys: Vec<_> = left.keys().map(|key| &key.as_bytes()[..]).collect();
        let nows: Vec<_> = left.values().map(|one| one.now.as_micros()).collect();
        let ends: Vec<_> = left.values().map(|one| one.until.as_micros()).collect();
        let groups: Vec<_> =
            left.values().map(|one| one.entry.group.as_ref().map(|group| &group.as_bytes()[..])).collect();
        let begun = db.query(BEGIN, &[(&keys, BYTES), (&nows, LONGS), (&ends, LONGS), (&groups, BYTES)]).await?;
        for row in &begun {
            let (key, fence) = fresh(row).map_err(Trouble::into_store_error)?;
            if let Some(one) = left.remove(&key) {
                found.insert(key, (Begin::Fresh(Claimant { key, fence }), one.until));
            }
        }
        if left.is_empty() {
            return Ok(found);
        }
        let keys: Vec<_> = left.keys().map(|key| &key.as_bytes()[..]).collect();
        for row in &db.query(BEGUN, &[(&keys, BYTES)]).await? {
            let (key, begin, ends) = begun_before(row).map_err(Trouble::into_store_error)?;
            // One that has ended meanwhile is asked for again.
            if left.get(&key).is_some_and(|one| one.now < ends) && left.remove(&key).is_some() {
                found.insert(key, (begin, ends));
            }
        }
        if left.is_empty() {
            return Ok(found);
        }
    }
    Err(StoreError::new(StoreErrorKind::Unavailable))
}

fn key(row: &tokio_postgres::Row) -> Result<DedupKey, Trouble> {
    get::<&[u8]>(row, "key")?.try_into().map(DedupKey::new).map_err(Trouble::unreadable)
}

fn fresh(row: &tokio_postgres::Row) -> Result<(DedupKey, u64), Trouble> {
    Ok((key(row)?, u64::try_from(get::<i64>(row, "fence")?).map_err(Trouble::unreadable)?))
}

fn begun_before(row: &tokio_postgres::Row) -> Result<(DedupKey, Begin, Timestamp), Trouble> {
    let ends = Timestamp::from_micros(get(row, "ends")?);
    let begin = match get::<Option<i32>>(row, "status")? {
        Some(status) => Begin::Done(FirstAnswer {
            status: u16::try_from(status).map_err(Trouble::unreadable)?,
            content_type: get(row, "content_type")?,
            body: get::<Option<Vec<u8>>>(row, "body")?.unwrap_or_default().into(),
        }),
        None => Begin::Busy { until: ends },
    };
    Ok((key(row)?, begin, ends))
}

/// A key that was handled.
pub(super) struct Finish {
    pub(super) claimant: Claimant,
    pub(super) answer: FirstAnswer,
    pub(super) expires: Timestamp,
}

pub(super) const FINISH: &str = "UPDATE hookwire.dedup d \
     SET status = c.status, ends = c.expires, content_type = c.content_type, body = c.body \
     FROM unnest($1, $2, $3, $4, $5, $6) AS c (key, fence, status, expires, content_type, body) \
     WHERE d.key = c.key AND d.fence = c.fence AND d.status IS NULL RETURNING d.key";

impl Batch for Finish {
    type Answer = Settled;

    fn waits(&self, _: &StoreError) -> bool {
        false
    }

    async fn run(db: &Db, batch: Arc<Vec<Self>>) -> Result<Vec<Settled>, StoreError> {
        let all: Vec<_> = batch.iter().collect();
        let finish = Columns::of(&all);
        let rows = db.query(FINISH, &finish.params()).await?;
        let mut answers = settled(claimants(&all), &rows).map_err(Trouble::into_store_error)?;
        if answers.contains(&Settled::LeaseLost) {
            let lost = |index: &usize| answers.get(*index) == Some(&Settled::LeaseLost);
            let left: Vec<_> = (0..all.len()).filter(lost).collect();
            let again = db.transact_here(&Finishing { batch: batch.clone(), left: left.clone() }).await?;
            for (index, answer) in left.into_iter().zip(again) {
                answers[index] = answer;
            }
        }
        Ok(answers)
    }
}

/// Some of a batch, once more: who is told that somebody else has finished it believes it.
struct Finishing {
    batch: Arc<Vec<Finish>>,
    left: Vec<usize>,
}

impl Operation for Finishing {
    type Answer = Vec<Settled>;

    async fn run(&self, session: &Session<'_>) -> Result<Vec<Settled>, Trouble> {
        let left: Vec<_> = self.left.iter().filter_map(|index| self.batch.get(*index)).collect();
        let rows = session.query(FINISH, &Columns::of(&left).params()).await?;
        session.witness().await?;
        settled(claimants(&left), &rows)
    }
}

fn claimants<'a>(batch: &'a [&Finish]) -> impl Iterator<Item = &'a Claimant> {
    batch.iter().map(|one| &one.claimant)
}

/// Keys that were handled, as columns.
struct Columns<'a> {
    keys: Vec<&'a [u8]>,
    fences: Vec<i64>,
    statuses: Vec<i32>,
    expires: Vec<i64>,
    types: Vec<Option<&'a str>>,
    bodies: Vec<Option<&'a [u8]>>,
}

impl<'a> Columns<'a> {
    fn of(batch: &[&'a Finish]) -> Self {
        let (keys, fences) = columns(batch.iter().map(|one| &one.claimant));
        let statuses = batch.iter().map(|one| i32::from(one.answer.status)).collect();
        let expires = batch.iter().map(|one| one.expires.as_micros()).collect();
        let (types, bodies) = batch.iter().map(|one| contents(&one.answer)).unzip();
        Self { keys, fences, statuses, expires, types, bodies }
    }

    fn params(&self) -> [Param<'_>; 6] {
        [
            (&self.keys, BYTES),
            (&self.fences, LONGS),
            (&self.statuses, INTS),
            (&self.expires, LONGS),
            (&self.types, TEXTS),
            (&self.bodies, BYTES),
        ]
    }
}

/// The content type and the body of an answer, as columns.
pub(super) fn contents(answer: &FirstAnswer) -> (Option<&str>, Option<&[u8]>) {
    (answer.content_type.as_deref(), Some(&*answer.body).filter(|body| !body.is_empty()))
}

pub(super) fn columns<'a>(claimants: impl Iterator<Item = &'a Claimant>) -> (Vec<&'a [u8]>, Vec<i64>) {
    claimants.map(|claimant| (&claimant.key.as_bytes()[..], signed(claimant.fence))).unzip()
}

fn settled<'a>(
    claimants: impl Iterator<Item = &'a Claimant>,
    rows: &[tokio_postgres::Row],
) -> Result<Vec<Settled>, Trouble> {
    let mut changed = rows.iter().map(key).collect::<Result<HashSet<_>, _>>()?;
    let settled = |claimant: &Claimant| {
        if changed.remove(&claimant.key) { Settled::Done } else { Settled::LeaseLost }
    };
    Ok(claimants.map(settled).collect())
}
