//! Appending: publish keys, events and deliveries, each kind by one statement for the whole group.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::try_join;
use uuid::Uuid;

use super::error::Trouble;
use super::group::Batch;
use super::order;
use super::rows::{BOOLS, BYTES, LONGS, TEXTS, UUIDS, fence, get, signed, uuid_of_delivery, uuid_of_endpoint};
use super::session::{Db, Operation, Param, Session};
use crate::clock::Timestamp;
use crate::store::relational::{NEVER, order_column};
use crate::store::{Append, Appended, StoreError, StoreErrorKind};

/// How many numbers one call brings; as the migration says.
const BLOCK: u64 = 4_096;

/// How many bits of an event's key are its number's.
const NUMBER_BITS: u32 = 21;

/// How often a group is tried whose commit was not answered. It is idempotent, and knows its own.
const TRIES: u32 = 4;

const TRY_PAUSE: Duration = Duration::from_millis(50);

/// Numbers of events that nobody else has.
#[derive(Debug, Default)]
pub(super) struct Numbers(Mutex<(u64, u64)>);

impl Numbers {
    async fn take(&self, db: &Db, count: usize) -> Result<Vec<u64>, StoreError> {
        let mut taken = Vec::with_capacity(count);
        self.take_up_to(count, &mut taken);
        while taken.len() < count {
            let rows = db.query("SELECT nextval('hookwire.number') AS number", &[]).await?;
            let first = rows.first().map(|row| fence(row, "number")).transpose().map_err(Trouble::into_store_error)?;
            let first = first.unwrap_or_default();
            // Another group may have brought a block meanwhile; what is left of that one is never used.
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (first, first + BLOCK);
            self.take_up_to(count, &mut taken);
        }
        Ok(taken)
    }

    fn take_up_to(&self, count: usize, taken: &mut Vec<u64>) {
        let mut block = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while taken.len() < count && block.0 < block.1 {
            taken.push(block.0);
            block.0 += 1;
        }
    }
}

/// The key of an event: sorts by the time of appending. Of its number there are 21 bits.
pub(super) fn event_key(appended_at: Timestamp, number: u64) -> i64 {
    first_key_of(appended_at) | signed(number & ((1 << NUMBER_BITS) - 1))
}

/// The lowest key of this millisecond.
pub(super) fn first_key_of(at: Timestamp) -> i64 {
    at.as_millis().clamp(0, i64::MAX >> NUMBER_BITS) << NUMBER_BITS
}

impl Batch for Append {
    type Answer = Appended;

    async fn run(db: &Db, batch: Arc<Vec<Self>>) -> Result<Vec<Appended>, StoreError> {
        let mut pause = TRY_PAUSE;
        let mut operation = Appending::new(db, batch).await?;
        for _ in 1..TRIES {
            match db.transact_here(&operation).await {
                // The server never said: either it has happened, which the keys will tell, or it happens now.
                Err(error) if error.kind() == StoreErrorKind::Unknown => {}
                // Two events of one millisecond have met on one number.
                Err(error) if error.kind() == StoreErrorKind::Invalid => {
                    operation = Appending::new(db, operation.batch.clone()).await?;
                }
                done => return done,
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        db.transact_here(&operation).await
    }
}

/// A group with the keys of its events.
pub(super) struct Appending {
    batch: Arc<Vec<Append>>,
    keys: Vec<i64>,
}

impl Appending {
    pub(super) async fn new(db: &Db, batch: Arc<Vec<Append>>) -> Result<Self, StoreError> {
        let numbers = db.numbers.take(db, batch.len()).await?;
        let keys = batch.iter().zip(numbers).map(|(append, number)| event_key(append.now, number)).collect();
        Ok(Self { batch, keys })
    }
}

impl Operation for Appending {
    type Answer = Vec<Appended>;

    async fn run(&self, session: &Session<'_>) -> Result<Vec<Appended>, Trouble> {
        append_all(session, &self.batch, &self.keys).await
    }
}

impl Appending {
    /// Appends those elements that are `wanted`; `None` for the others.
    pub(super) async fn run_some(
        &self,
        session: &Session<'_>,
        wanted: &[bool],
    ) -> Result<Vec<Option<Appended>>, Trouble> {
        let all = self.batch.iter().zip(&self.keys).zip(wanted);
        let (batch, keys): (Vec<_>, Vec<_>) =
            all.filter(|(_, wanted)| **wanted).map(|(one, _)| (one.0.clone(), *one.1)).unzip();
        let mut appended = append_all(session, &batch, &keys).await?.into_iter();
        Ok(wanted.iter().map(|wanted| wanted.then(|| appended.next()).flatten()).collect())
    }
}

/// Elements of a batch by (tenant, id): the first under each stands for those that repeat it.
fn firsts(batch: &[Append]) -> Vec<usize> {
    let mut first = HashMap::with_capacity(batch.len());
    let name = |append: &Append| (append.event.tenant.clone(), append.event.id.clone());
    batch.iter().enumerate().map(|(index, append)| *first.entry(name(append)).or_insert(index)).collect()
}

async fn append_all(session: &Session<'_>, batch: &[Append], keys: &[i64]) -> Result<Vec<Appended>, Trouble> {
    let firsts = firsts(batch);
    let new: Vec<_> = (0..batch.len()).filter(|index| firsts.get(*index) == Some(index)).collect();
    let lanes = order::lanes_of(batch);
    order::lock(session, &lanes).await?;
    let known = publish(session, batch, keys, &new).await?;
    let fresh: Vec<_> = new.into_iter().filter(|index| !known.contains_key(index)).collect();
    if !fresh.is_empty() {
        let fresh = Fresh { batch, keys, indices: &fresh };
        try_join(fresh.insert_events(session), fresh.insert_deliveries(session)).await?;
        let now = batch.iter().map(|append| append.now).max().unwrap_or_default();
        order::arrange(session, &lanes, now).await?;
    }
    Ok(answers(batch, keys, &firsts, &known))
}

/// What was published before under the id of an element: which event, and its fingerprint.
type Known = HashMap<usize, (i64, Option<Vec<u8>>)>;

const PUBLISH: &str = "INSERT INTO hookwire.publish (tenant, id, event, fingerprint, appended_at) \
     SELECT * FROM unnest($1, $2, $3, $4, $5) ON CONFLICT (tenant, id) DO NOTHING RETURNING event";

const PUBLISHED: &str = "SELECT o.item, k.event, k.fingerprint FROM unnest($1, $2, $3) AS o (tenant, id, item) \
     JOIN hookwire.publish k ON k.tenant = o.tenant AND k.id = o.id";

/// Takes ids for events; answers those that were taken before.
async fn publish(session: &Session<'_>, batch: &[Append], keys: &[i64], new: &[usize]) -> Result<Known, Trouble> {
    let items: Vec<_> = new.iter().filter_map(|index| Some((index, batch.get(*index)?, keys.get(*index)?))).collect();
    let tenants: Vec<_> = items.iter().map(|(_, append, _)| append.event.tenant.as_str()).collect();
    let ids: Vec<_> = items.iter().map(|(_, append, _)| append.event.id.as_str()).collect();
    let events: Vec<_> = items.iter().map(|(.., key)| **key).collect();
    let print = |append: &&Append| append.event.fingerprint.map(Vec::from);
    let fingerprints: Vec<_> = items.iter().map(|(_, append, _)| print(append)).collect();
    let times: Vec<_> = items.iter().map(|(_, append, _)| append.now.as_micros()).collect();
    let params: [Param<'_>; 5] =
        [(&tenants, TEXTS), (&ids, TEXTS), (&events, LONGS), (&fingerprints, BYTES), (&times, LONGS)];
    let inserted = session.query(PUBLISH, &params).await?;
    if inserted.len() == items.len() {
        return Ok(Known::new());
    }
    let inserted: HashSet<i64> = inserted.iter().map(|row| get(row, "event")).collect::<Result<_, _>>()?;
    let places: Vec<_> = new.iter().map(|index| signed(*index as u64)).collect();
    let rows = session.query(PUBLISHED, &[(&tenants, TEXTS), (&ids, TEXTS), (&places, LONGS)]).await?;
    let mut known = Known::new();
    for row in &rows {
        let (index, event) = (usize::try_from(get::<i64>(row, "item")?).unwrap_or(usize::MAX), get(row, "event")?);
        if !inserted.contains(&event) {
            known.insert(index, (event, get(row, "fingerprint")?));
        }
    }
    if known.len() + inserted.len() < items.len() {
        // Forgotten between the two statements: the next try finds the id free.
        return Err(Trouble::Overtaken);
    }
    Ok(known)
}

/// What became of each element.
fn answers(batch: &[Append], keys: &[i64], firsts: &[usize], known: &Known) -> Vec<Appended> {
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
            // Stored by an earlier try, whose commit was not answered.
            Appended::Stored
        } else if print == mine.as_ref().map(|it| &it[..]) {
            Appended::Duplicate
        } else {
            Appended::Conflict
        }
    };
    (0..batch.len()).map(answer).collect()
}

const EVENTS: &str = "INSERT INTO hookwire.event \
     (key, tenant, id, type, content_type, occurred_at, appended_at, order_key, expires_at, body, place) \
     SELECT e.*, CASE WHEN e.order_key IS NULL THEN 0 ELSE nextval('hookwire.place') END \
     FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS e \
     (key, tenant, id, type, content_type, occurred_at, appended_at, order_key, expires_at, body)";

const DELIVERIES: &str = "INSERT INTO hookwire.delivery \
     (id, event, endpoint, due, leased, created_at, order_key, state, fence, attempts, faults, place, log) \
     SELECT d.*, 0, d.leased::integer, d.leased::integer, 0, \
     CASE WHEN d.order_key IS NULL THEN 0 ELSE (SELECT e.place FROM hookwire.event e WHERE e.key = d.event) END, '' \
     FROM unnest($1, $2, $3, $4, $5, $6, $7) AS d (id, event, endpoint, due, leased, created_at, order_key)";

/// The elements of a batch whose ids were free.
struct Fresh<'a> {
    batch: &'a [Append],
    keys: &'a [i64],
    indices: &'a [usize],
}

impl<'a> Fresh<'a> {
    fn items(&self) -> impl Iterator<Item = (&'a Append, i64)> {
        self.indices.iter().filter_map(|index| self.batch.get(*index).zip(self.keys.get(*index).copied()))
    }

    async fn insert_events(&self, session: &Session<'_>) -> Result<(), Trouble> {
        let keys: Vec<_> = self.items().map(|(_, key)| key).collect();
        let events: Vec<_> = self.items().map(|(append, _)| &append.event).collect();
        let tenants: Vec<_> = events.iter().map(|event| event.tenant.as_str()).collect();
        let ids: Vec<_> = events.iter().map(|event| event.id.as_str()).collect();
        let types: Vec<_> = events.iter().map(|event| event.event_type.as_str()).collect();
        let content_types: Vec<_> = events.iter().map(|event| &*event.content_type).collect();
        let occurred: Vec<_> = events.iter().map(|event| event.occurred_at.as_micros()).collect();
        let appended: Vec<_> = self.items().map(|(append, _)| append.now.as_micros()).collect();
        let orders: Vec<_> = events.iter().map(|event| event.order.as_ref().map(order_column)).collect();
        let deadlines: Vec<_> = events.iter().map(|event| event.expires_at.map(Timestamp::as_micros)).collect();
        let bodies: Vec<_> = events.iter().map(|event| &*event.payload).collect();
        let params: [Param<'_>; 10] = [
            (&keys, LONGS),
            (&tenants, TEXTS),
            (&ids, TEXTS),
            (&types, TEXTS),
            (&content_types, TEXTS),
            (&occurred, LONGS),
            (&appended, LONGS),
            (&orders, TEXTS),
            (&deadlines, LONGS),
            (&bodies, BYTES),
        ];
        session.query(EVENTS, &params).await.map(drop)
    }

    async fn insert_deliveries(&self, session: &Session<'_>) -> Result<(), Trouble> {
        let rows: Vec<_> = self.items().flat_map(rows_of).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        let events: Vec<_> = rows.iter().map(|row| row.event).collect();
        let endpoints: Vec<_> = rows.iter().map(|row| row.endpoint).collect();
        let dues: Vec<_> = rows.iter().map(|row| row.due).collect();
        let leased: Vec<_> = rows.iter().map(|row| row.leased).collect();
        let made: Vec<_> = rows.iter().map(|row| row.created_at).collect();
        let orders: Vec<_> = rows.iter().map(|row| row.order_key.as_deref()).collect();
        let params: [Param<'_>; 7] = [
            (&ids, UUIDS),
            (&events, LONGS),
            (&endpoints, UUIDS),
            (&dues, LONGS),
            (&leased, BOOLS),
            (&made, LONGS),
            (&orders, TEXTS),
        ];
        session.query(DELIVERIES, &params).await.map(drop)
    }
}

/// A delivery as it is inserted.
struct NewRow {
    id: Uuid,
    event: i64,
    endpoint: Uuid,
    due: i64,
    leased: bool,
    created_at: i64,
    order_key: Option<Arc<str>>,
}

fn rows_of((append, event): (&Append, i64)) -> impl Iterator<Item = NewRow> {
    let order_key: Option<Arc<str>> = append.event.order.as_ref().map(|order| order_column(order).into());
    append.deliveries.iter().map(move |new| {
        // What has to keep its order may have to wait, so it is never born leased, and due when its turn has come.
        let leased_until = new.leased_until.filter(|_| order_key.is_none());
        let due = leased_until.unwrap_or(append.now).as_micros();
        NewRow {
            id: uuid_of_delivery(new.id),
            event,
            endpoint: uuid_of_endpoint(new.endpoint),
            due: if order_key.is_some() { NEVER } else { due },
            leased: leased_until.is_some(),
            created_at: append.now.as_micros(),
            order_key: order_key.clone(),
        }
    })
}
