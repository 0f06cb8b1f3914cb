//! Appending: publish keys, events and deliveries. Each kind is one statement for the complete group.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::try_join;

use super::append_columns::{EventColumns, Part};
use super::error::StoreFailure;
use super::group::Batch;
use super::order;
use super::rows::{BYTES, LONGS, TEXTS, fence, get, signed};
use super::session::{Db, Operation, Param, Retries, Session};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::store::{Append, Appended, StoreError, StoreErrorKind};

/// The number of bits of an event's key that contain its number.
const NUMBER_BITS: u32 = 21;

/// How often a group is retried if its commit was not confirmed. The group is idempotent and recognizes its own keys.
const RETRIES: Retries = Retries::new(3, Duration::from_millis(100));

/// Inserts events from twelve columns, each at a place in its ordering key.
macro_rules! events {
    ($place:literal) => {
        concat!(
            "INSERT INTO hookwire.event \
             (key, tenant, id, type, content_type, occurred_at, appended_at, order_key, expires_at, body, audience, origin, \
             place) SELECT e.*, ",
            $place,
            " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) AS e \
             (key, tenant, id, type, content_type, occurred_at, appended_at, order_key, expires_at, body, audience, origin)"
        )
    };
}

/// Inserts deliveries from seven columns, each at a place in its ordering key.
macro_rules! deliveries {
    ($place:literal, $($column:literal),*) => {
        concat!(
            "INSERT INTO hookwire.delivery \
             (id, event, lane, due, leased, created_at, order_key, state, fence, attempts, faults, place, log) \
             SELECT d.id, d.event, d.lane, ",
            // A delivery that is due at once must not be due later because the caller's clock is ahead.
            "CASE WHEN d.leased OR d.due = 9223372036854775807 THEN d.due \
             ELSE least(d.due, (extract(epoch FROM now()) * 1000000)::bigint) END, ",
            "d.leased, d.created_at, d.order_key, 0, d.leased::integer, d.leased::integer, 0, ",
            $place,
            ", '' FROM unnest(",
            deliveries!(@list $($column),*),
            ") AS d (id, event, lane, due, leased, created_at, order_key)"
        )
    };
    (@list $first:literal $(, $rest:literal)*) => { concat!($first $(, ", ", $rest)*) };
}

const EVENTS: &str = events!("CASE WHEN e.order_key IS NULL THEN 0 ELSE nextval('hookwire.place') END");
const DELIVERIES: &str = deliveries!(
    "CASE WHEN d.order_key IS NULL THEN 0 ELSE (SELECT e.place FROM hookwire.event e WHERE e.key = d.event) END",
    "$1",
    "$2",
    "$3",
    "$4",
    "$5",
    "$6",
    "$7"
);

/// The key of an event, which sorts by the time of appending. 21 of its bits are the event's number.
pub(super) fn event_key(appended_at: Timestamp, number: u64) -> i64 {
    first_key_of(appended_at) | signed(number & ((1 << NUMBER_BITS) - 1))
}

/// The lowest key of this millisecond.
pub(super) fn first_key_of(at: Timestamp) -> i64 {
    at.as_millis().clamp(0, i64::MAX >> NUMBER_BITS) << NUMBER_BITS
}

impl Batch for Append {
    type Answer = Appended;

    fn must_wait(&self, error: &StoreError) -> bool {
        let source = std::error::Error::source(error).and_then(|source| source.downcast_ref());
        let Some(StoreFailure::Held(held)) = source else { return false };
        order::lanes_of(std::slice::from_ref(self)).iter().any(|lane| held.contains(lane))
    }

    async fn run(db: &Db, batch: Arc<Vec<Self>>) -> Result<Vec<Appended>, StoreError> {
        let mut operation = Appending::new(db, batch).await?;
        let mut in_doubt = match operation.in_one_statement(db).await {
            OneStatement::Stored(appended) => return Ok(appended),
            OneStatement::NotStored => false,
            OneStatement::InDoubt => true,
        };
        let (mut retries, began) = (RETRIES, SystemClock.uptime());
        let in_time = || SystemClock.uptime().saturating_sub(began) < db.limit();
        loop {
            let error = match db.transact_here(&operation).await {
                Ok(appended) => return Ok(appended),
                Err(error) => error,
            };
            in_doubt |= error.kind() == StoreErrorKind::Unknown;
            match error.kind() {
                // Two events of one millisecond have the same number.
                StoreErrorKind::Invalid if !in_doubt && retries.are_left() => {
                    operation = Appending::new(db, operation.batch.clone()).await?;
                }
                // A commit was not confirmed, now or before. If it has happened, the keys show this; otherwise it happens now.
                _ if in_doubt && error.is_retryable() && retries.are_left() && in_time() => {}
                _ if in_doubt && error.is_retryable() => {
                    return Err(StoreError::with_source(StoreErrorKind::Unknown, error));
                }
                _ => return Err(error),
            }
            retries.pause().await;
        }
    }
}

/// The result of a group in one statement.
enum OneStatement {
    Stored(Vec<Appended>),
    /// The statement was not tried or it failed; the several statements find out why.
    NotStored,
    /// The server did not confirm the commit.
    InDoubt,
}

/// A group with the keys of its events.
pub(super) struct Appending {
    batch: Arc<Vec<Append>>,
    keys: Vec<i64>,
}

/// The complete group in one statement, which is a transaction of its own. It works only if none of the ids is taken and no event has an
/// ordering key. Looking up places for events without an ordering key would cost more than the rest of the statement.
const ONE_STATEMENT: &str = concat!(
    "WITH published AS (INSERT INTO hookwire.publish (tenant, id, event, fingerprint, appended_at) \
     SELECT * FROM unnest($2, $13, $1, $14, $7) UNION ALL \
     SELECT r.tenant, r.id, r.event, NULL::bytea, r.at FROM unnest($22, $23, $24, $25) AS r (tenant, id, event, at)), \
     stored AS (",
    events!("0"),
    ") ",
    deliveries!("0", "$15", "$16", "$17", "$18", "$19", "$20", "$21")
);

/// The number of groups that skip the single statement after a group with a taken id.
const SKIPPED_GROUPS: u32 = 64;

impl Appending {
    /// Most groups consist of new events without ordering keys.
    async fn in_one_statement(&self, db: &Db) -> OneStatement {
        if db.skip_optimistic.load(Ordering::Relaxed) > 0 {
            db.skip_optimistic.fetch_sub(1, Ordering::Relaxed);
            return OneStatement::NotStored;
        }
        if self.batch.iter().any(|append| append.event.order.is_some()) {
            return OneStatement::NotStored;
        }
        // The statement fails for an id that is in the group twice.
        let indices: Vec<_> = (0..self.batch.len()).collect();
        let all = Part { batch: &self.batch, keys: &self.keys, indices: &indices };
        let (events, deliveries, replays) = (all.event_columns(), all.delivery_columns(), all.replay_columns());
        let mut params = events.params();
        params.push((&events.taken, TEXTS));
        params.push((&events.prints, BYTES));
        params.extend(deliveries.params());
        params.extend(replays.params());
        match db.query_untried(ONE_STATEMENT, &params).await {
            Ok(_) => OneStatement::Stored(vec![Appended::Stored; self.batch.len()]),
            Err(failure) if failure.is_in_doubt() => OneStatement::InDoubt,
            Err(failure) => {
                db.skip_optimistic.fetch_add(if failure.is_taken() { SKIPPED_GROUPS } else { 0 }, Ordering::Relaxed);
                OneStatement::NotStored
            }
        }
    }

    pub(super) async fn new(db: &Db, batch: Arc<Vec<Append>>) -> Result<Self, StoreError> {
        let numbers = take_numbers(db, batch.len()).await?;
        let keys = batch.iter().zip(numbers).map(|(append, number)| event_key(append.now, number)).collect();
        Ok(Self { batch, keys })
    }

    /// Appends the elements that are `wanted`; returns `None` for the others.
    pub(super) async fn run_some(
        &self,
        session: &Session<'_>,
        wanted: &[bool],
    ) -> Result<Vec<Option<Appended>>, StoreFailure> {
        let all = self.batch.iter().zip(&self.keys).zip(wanted);
        let (batch, keys): (Vec<_>, Vec<_>) =
            all.filter(|(_, wanted)| **wanted).map(|(one, _)| (one.0.clone(), *one.1)).unzip();
        let mut appended = append_all(session, &batch, &keys).await?.into_iter();
        Ok(wanted.iter().map(|wanted| wanted.then(|| appended.next()).flatten()).collect())
    }
}

impl Operation for Appending {
    type Answer = Vec<Appended>;

    async fn run(&self, session: &Session<'_>) -> Result<Vec<Appended>, StoreFailure> {
        append_all(session, &self.batch, &self.keys).await
    }
}

/// The index of the first element of the batch with the same (tenant, id), for each element.
fn firsts(batch: &[Append]) -> Vec<usize> {
    let mut first = HashMap::with_capacity(batch.len());
    let name = |append: &Append| (append.event.audience.work(), append.event.tenant.clone(), append.event.id.clone());
    batch.iter().enumerate().map(|(index, append)| *first.entry(name(append)).or_insert(index)).collect()
}

async fn append_all(session: &Session<'_>, batch: &[Append], keys: &[i64]) -> Result<Vec<Appended>, StoreFailure> {
    let firsts = firsts(batch);
    let new: Vec<_> = (0..batch.len()).filter(|index| firsts.get(*index) == Some(index)).collect();
    let lanes = order::lanes_of(batch);
    order::lock_within(session, &lanes, order::GROUP_LOCK_WAIT).await?;
    let mut known = repeated(session, &Part { batch, keys, indices: &new }).await?;
    let unknown: Vec<_> = new.iter().copied().filter(|index| !known.contains_key(index)).collect();
    known.extend(publish(session, &Part { batch, keys, indices: &unknown }).await?);
    let fresh: Vec<_> = new.into_iter().filter(|index| !known.contains_key(index)).collect();
    if !fresh.is_empty() {
        let fresh = Part { batch, keys, indices: &fresh };
        try_join(fresh.insert_events(session), fresh.insert_deliveries(session)).await?;
        let now = batch.iter().map(|append| append.now).max().unwrap_or_default();
        order::arrange(session, &lanes, now).await?;
    }
    if !known.is_empty() {
        // The caller may delete its own copy of an event that is already stored.
        session.wait_for_replication().await?;
    }
    Ok(results(batch, keys, &firsts, &known))
}

/// What was published before under the id of an element: the event's key and its fingerprint.
type Known = HashMap<usize, (i64, Option<Vec<u8>>)>;

const PUBLISH: &str = "INSERT INTO hookwire.publish (tenant, id, event, fingerprint, appended_at) \
     SELECT * FROM unnest($1, $2, $3, $4, $5) ON CONFLICT (tenant, id) DO NOTHING RETURNING event";

const PUBLISHED: &str = "SELECT o.item, k.event, k.fingerprint FROM unnest($1, $2, $3) AS o (tenant, id, item) \
     JOIN hookwire.publish k ON k.tenant = o.tenant AND k.id = o.id";

/// Takes the ids of these elements. Returns the elements whose ids were taken before.
async fn publish(session: &Session<'_>, new: &Part<'_>) -> Result<Known, StoreFailure> {
    let columns = new.event_columns();
    let EventColumns { tenants, taken, keys, prints, appended, .. } = &columns;
    let params: [Param<'_>; 5] = [(tenants, TEXTS), (taken, TEXTS), (keys, LONGS), (prints, BYTES), (appended, LONGS)];
    let inserted = session.query(PUBLISH, &params).await?;
    if inserted.len() == keys.len() {
        return Ok(Known::new());
    }
    let inserted: HashSet<i64> = inserted.iter().map(|row| get(row, "event")).collect::<Result<_, _>>()?;
    let items: Vec<_> = new.indices.iter().map(|index| signed(*index as u64)).collect();
    let rows = session.query(PUBLISHED, &[(tenants, TEXTS), (taken, TEXTS), (&items, LONGS)]).await?;
    let mut known = Known::new();
    for row in &rows {
        let (index, event) = (usize::try_from(get::<i64>(row, "item")?).unwrap_or(usize::MAX), get(row, "event")?);
        if !inserted.contains(&event) {
            known.insert(index, (event, get(row, "fingerprint")?));
        }
    }
    if known.len() + inserted.len() < keys.len() {
        // The id was freed between the two statements; the next try takes it.
        return Err(StoreFailure::Overtaken);
    }
    Ok(known)
}

const REPEATED: &str = "WITH taken AS (INSERT INTO hookwire.publish (tenant, id, event, appended_at) \
     SELECT * FROM unnest($1, $2, $3, $4) ON CONFLICT (tenant, id) DO NOTHING RETURNING event) \
     SELECT r.event FROM unnest($1, $2, $3) AS r (tenant, id, event) LEFT JOIN taken t ON t.event = r.event \
     LEFT JOIN hookwire.publish k ON k.tenant = r.tenant AND k.id = r.id AND k.event = r.event \
     WHERE t.event IS NULL AND k.event IS NULL";

/// Takes the signed bytes of these elements. Returns the elements whose bytes were stored before, under any id. Bytes that an earlier try
/// of the same call has taken count as taken by this try.
async fn repeated(session: &Session<'_>, new: &Part<'_>) -> Result<Known, StoreFailure> {
    let columns = new.replay_columns();
    if columns.ids.is_empty() {
        return Ok(Known::new());
    }
    let rows = session.query(REPEATED, &columns.params()).await?;
    let repeated: HashSet<i64> = rows.iter().map(|row| get(row, "event")).collect::<Result<_, _>>()?;
    let is_repeated = |index: &&usize| new.keys.get(**index).is_some_and(|key| repeated.contains(key));
    let print = |index: usize| new.batch.get(index).and_then(|append| append.event.fingerprint.map(|it| it.to_vec()));
    // The element has no event with its own key, so the key is 0, which no event has.
    Ok(new.indices.iter().filter(is_repeated).map(|index| (*index, (0, print(*index)))).collect())
}

/// The result for each element.
fn results(batch: &[Append], keys: &[i64], firsts: &[usize], known: &Known) -> Vec<Appended> {
    let answer = |index: usize| {
        let first = firsts.get(index).copied().unwrap_or(index);
        let mine = batch.get(index).and_then(|append| append.event.fingerprint);
        let is_first = first == index;
        let (event, print) = match known.get(&first) {
            Some((event, print)) => (Some(event), print.as_deref()),
            None if is_first => return Appended::Stored,
            None => (None, batch.get(first).and_then(|append| append.event.fingerprint.as_ref()).map(|it| &it[..])),
        };
        if is_first && event == keys.get(index) {
            // An earlier try, whose commit was not confirmed, has stored it.
            Appended::Stored
        } else if print == mine.as_ref().map(|it| &it[..]) {
            Appended::Duplicate
        } else {
            Appended::Conflict
        }
    };
    (0..batch.len()).map(answer).collect()
}

impl Part<'_> {
    async fn insert_events(&self, session: &Session<'_>) -> Result<(), StoreFailure> {
        session.query(EVENTS, &self.event_columns().params()).await.map(drop)
    }

    async fn insert_deliveries(&self, session: &Session<'_>) -> Result<(), StoreFailure> {
        let columns = self.delivery_columns();
        if columns.ids.is_empty() {
            return Ok(());
        }
        session.query(DELIVERIES, &columns.params()).await.map(drop)
    }
}

async fn take_numbers(db: &Db, count: usize) -> Result<Vec<u64>, StoreError> {
    let mut taken = Vec::with_capacity(count);
    db.numbers.take_up_to(count, &mut taken);
    while taken.len() < count {
        let rows = db.query("SELECT nextval('hookwire.number') AS number", &[]).await?;
        let first = rows.first().map(|row| fence(row, "number")).transpose().map_err(StoreFailure::into_store_error)?;
        db.numbers.refill(first.unwrap_or_default());
        db.numbers.take_up_to(count, &mut taken);
    }
    Ok(taken)
}
