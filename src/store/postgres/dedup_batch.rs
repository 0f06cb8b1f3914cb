//! Begins and finishes keys in batches: calls that are made at the same time share a statement.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::error::StoreFailure;
use super::group::Batch;
use super::rows::{BYTES, INTS, LONGS, TEXTS, get, signed};
use super::session::{Db, Operation, Param, Session};
use crate::clock::Timestamp;
use crate::store::{BeginResult, DedupEntry, DedupKey, DedupLease, FirstResponse, Settled, StoreError, StoreErrorKind};

/// How often a key is tried if it is deleted between the two statements.
const TRIES: usize = 5;

/// A key whose handling begins.
#[derive(Clone, Copy)]
pub(super) struct Beginning {
    pub(super) entry: DedupEntry,
    pub(super) now: Timestamp,
    pub(super) until: Timestamp,
}

// The fence contains the time, so that it rises even if the record was deleted in between.
const BEGIN: &str = "INSERT INTO hookwire.dedup AS d (key, fence, ends, event_group) SELECT * FROM unnest($1, $2, $3, $4) \
     ON CONFLICT (key) DO UPDATE SET fence = greatest(d.fence + 1, excluded.fence), ends = excluded.ends, \
     event_group = excluded.event_group, status = NULL, content_type = NULL, body = NULL \
     WHERE d.ends <= excluded.fence RETURNING d.key, d.fence";

// A provider deletes an event once it has the response that the event was handled, so this statement waits for the replication of the
// record.
const BEGUN: &str = "SELECT key, status, ends, content_type, body, \
     CASE WHEN status IS NOT NULL THEN pg_logical_emit_message(true, 'hookwire', '') END AS replication_wait \
     FROM hookwire.dedup WHERE key = ANY($1)";

impl Batch for Beginning {
    type Answer = BeginResult;

    fn must_wait(&self, _: &StoreError) -> bool {
        false
    }

    async fn run(db: &Db, batch: Arc<Vec<Self>>) -> Result<Vec<BeginResult>, StoreError> {
        // The keys are sorted, so that two groups never wait for each other. Each key occurs once, because a statement can change a row
        // only once.
        let mut first = BTreeMap::new();
        for one in batch.iter() {
            first.entry(one.entry.key).or_insert(*one);
        }
        let found = begin_all(db, first).await?;
        let mut seen = HashSet::new();
        let answer = |one: &Self| match found.get(&one.entry.key) {
            Some((BeginResult::Fresh(_), until)) if !seen.insert(one.entry.key) => BeginResult::Busy { until: *until },
            Some((begin, _)) => {
                seen.insert(one.entry.key);
                begin.clone()
            }
            None => BeginResult::Busy { until: one.until },
        };
        Ok(batch.iter().map(answer).collect())
    }
}

/// The result for each key, and the end of its lease if the result is fresh.
type Found = HashMap<DedupKey, (BeginResult, Timestamp)>;

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
            let (key, fence) = fresh(row).map_err(StoreFailure::into_store_error)?;
            if let Some(one) = left.remove(&key) {
                found.insert(key, (BeginResult::Fresh(DedupLease { key, fence }), one.until));
            }
        }
        if left.is_empty() {
            return Ok(found);
        }
        let keys: Vec<_> = left.keys().map(|key| &key.as_bytes()[..]).collect();
        for row in &db.query(BEGUN, &[(&keys, BYTES)]).await? {
            let (key, begin, ends) = begun_before(row).map_err(StoreFailure::into_store_error)?;
            // A key that has ended meanwhile is begun again.
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

fn key(row: &tokio_postgres::Row) -> Result<DedupKey, StoreFailure> {
    get::<&[u8]>(row, "key")?.try_into().map(DedupKey::new).map_err(StoreFailure::unreadable)
}

fn fresh(row: &tokio_postgres::Row) -> Result<(DedupKey, u64), StoreFailure> {
    Ok((key(row)?, u64::try_from(get::<i64>(row, "fence")?).map_err(StoreFailure::unreadable)?))
}

fn begun_before(row: &tokio_postgres::Row) -> Result<(DedupKey, BeginResult, Timestamp), StoreFailure> {
    let ends = Timestamp::from_micros(get(row, "ends")?);
    let begin = match get::<Option<i32>>(row, "status")? {
        Some(status) => BeginResult::Done(FirstResponse {
            status: u16::try_from(status).map_err(StoreFailure::unreadable)?,
            content_type: get(row, "content_type")?,
            body: get::<Option<Vec<u8>>>(row, "body")?.unwrap_or_default().into(),
        }),
        None => BeginResult::Busy { until: ends },
    };
    Ok((key(row)?, begin, ends))
}

/// A handled key.
pub(super) struct Finish {
    pub(super) lease: DedupLease,
    pub(super) answer: FirstResponse,
    pub(super) expires: Timestamp,
}

pub(super) const FINISH: &str = "UPDATE hookwire.dedup d \
     SET status = c.status, ends = c.expires, content_type = c.content_type, body = c.body \
     FROM unnest($1, $2, $3, $4, $5, $6) AS c (key, fence, status, expires, content_type, body) \
     WHERE d.key = c.key AND d.fence = c.fence AND d.status IS NULL RETURNING d.key, d.fence";

impl Batch for Finish {
    type Answer = Settled;

    fn must_wait(&self, _: &StoreError) -> bool {
        false
    }

    async fn run(db: &Db, batch: Arc<Vec<Self>>) -> Result<Vec<Settled>, StoreError> {
        let all: Vec<_> = batch.iter().collect();
        let finish = Columns::of(&all);
        let rows = db.query(FINISH, &finish.params()).await?;
        let mut answers = settled(leases(&all), &rows).map_err(StoreFailure::into_store_error)?;
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

/// Finishes some leases of a batch again in a transaction that waits for replication: the caller relies on the result that another request
/// has finished the key.
struct Finishing {
    batch: Arc<Vec<Finish>>,
    left: Vec<usize>,
}

impl Operation for Finishing {
    type Answer = Vec<Settled>;

    async fn run(&self, session: &Session<'_>) -> Result<Vec<Settled>, StoreFailure> {
        let left: Vec<_> = self.left.iter().filter_map(|index| self.batch.get(*index)).collect();
        let rows = session.query(FINISH, &Columns::of(&left).params()).await?;
        session.wait_for_replication().await?;
        settled(leases(&left), &rows)
    }
}

fn leases<'a>(batch: &'a [&Finish]) -> impl Iterator<Item = &'a DedupLease> {
    batch.iter().map(|one| &one.lease)
}

/// Handled keys as columns.
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
        let (keys, fences) = columns(batch.iter().map(|one| &one.lease));
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

/// The content type and the body of a response, as columns.
pub(super) fn contents(answer: &FirstResponse) -> (Option<&str>, Option<&[u8]>) {
    (answer.content_type.as_deref(), Some(&*answer.body).filter(|body| !body.is_empty()))
}

pub(super) fn columns<'a>(leases: impl Iterator<Item = &'a DedupLease>) -> (Vec<&'a [u8]>, Vec<i64>) {
    leases.map(|lease| (&lease.key.as_bytes()[..], signed(lease.fence))).unzip()
}

/// The result for each lease, from the rows that a statement has changed.
pub(super) fn settled<'a>(
    leases: impl Iterator<Item = &'a DedupLease>,
    rows: &[tokio_postgres::Row],
) -> Result<Vec<Settled>, StoreFailure> {
    // Compares the fence too: a group may contain a lost lease and a valid one of the same key.
    let mut changed = rows.iter().map(fresh).collect::<Result<HashSet<_>, _>>()?;
    let settled = |lease: &DedupLease| {
        if changed.remove(&(lease.key, lease.fence)) { Settled::Done } else { Settled::LeaseLost }
    };
    Ok(leases.map(settled).collect())
}
