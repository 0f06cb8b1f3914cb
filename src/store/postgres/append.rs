//! Appending: publish keys, events and deliveries, each kind by one statement for the whole group.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::try_join;
use uuid::Uuid;

use super::error::Trouble;
use super::group::Batch;
use super::order;
use super::rows::{BOOLS, BYTES, LONGS, SHORTS, TEXTS, UUIDS, get, signed, uuid_of_delivery};
use super::session::{Db, Operation, Param, Session, Tries};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::store::relational::{
    NEVER, audience_column, lane_column, order_column, origin_column, publish_key, replay_key,
};
use crate::store::{Append, Appended, StoreError, StoreErrorKind};

/// How many bits of an event's key are its number's.
const NUMBER_BITS: u32 = 21;

/// How often a group is tried again whose commit was not answered. It is idempotent, and knows its own.
const AGAIN: Tries = Tries::new(3, Duration::from_millis(100));

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
            // What is due at once is not due later because somebody's clock is ahead.
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

    fn waits(&self, error: &StoreError) -> bool {
        let source = std::error::Error::source(error).and_then(|source| source.downcast_ref());
        let Some(Trouble::Held(held)) = source else { return false };
        order::lanes_of(std::slice::from_ref(self)).iter().any(|lane| held.contains(lane))
    }

    async fn run(db: &Db, batch: Arc<Vec<Self>>) -> Result<Vec<Appended>, StoreError> {
        let mut operation = Appending::new(db, batch).await?;
        let mut in_doubt = match operation.at_once(db).await {
            AtOnce::Stored(appended) => return Ok(appended),
            AtOnce::NotStored => false,
            AtOnce::InDoubt => true,
        };
        let (mut tries, began) = (AGAIN, SystemClock.uptime());
        let in_time = || SystemClock.uptime().saturating_sub(began) < db.limit();
        loop {
            let error = match db.transact_here(&operation).await {
                Ok(appended) => return Ok(appended),
                Err(error) => error,
            };
            in_doubt |= error.kind() == StoreErrorKind::Unknown;
            match error.kind() {
                // Two events of one millisecond have met on one number.
                StoreErrorKind::Invalid if !in_doubt && tries.are_left() => {
                    operation = Appending::new(db, operation.batch.clone()).await?;
                }
                // The server never said, now or before: it has happened, which the keys will tell, or it happens now.
                _ if in_doubt && error.is_retryable() && tries.are_left() && in_time() => {}
                _ if in_doubt && error.is_retryable() => {
                    return Err(StoreError::with_source(StoreErrorKind::Unknown, error));
                }
                _ => return Err(error),
            }
            tries.pause().await;
        }
    }
}

/// What became of a group in one statement.
enum AtOnce {
    Stored(Vec<Appended>),
    /// It was not to be hoped for, or it was refused: the longer way tells why.
    NotStored,
    /// The server never said.
    InDoubt,
}

/// A group with the keys of its events.
pub(super) struct Appending {
    batch: Arc<Vec<Append>>,
    keys: Vec<i64>,
}

/// Everything in one statement, which is a transaction of its own, where nothing is known under any of the ids and nothing is
/// ordered. Looking up places that nothing has would cost more than the rest of its beginning.
const AT_ONCE: &str = concat!(
    "WITH published AS (INSERT INTO hookwire.publish (tenant, id, event, fingerprint, appended_at) \
     SELECT * FROM unnest($2, $13, $1, $14, $7) UNION ALL \
     SELECT r.tenant, r.id, r.event, NULL::bytea, r.at FROM unnest($22, $23, $24, $25) AS r (tenant, id, event, at)), \
     stored AS (",
    events!("0"),
    ") ",
    deliveries!("0", "$15", "$16", "$17", "$18", "$19", "$20", "$21")
);

/// For how many groups the longer way is taken after one in which an id was taken.
const WARY: u32 = 64;

impl Appending {
    /// Most groups are all new and without ordering keys.
    async fn at_once(&self, db: &Db) -> AtOnce {
        if db.wary.load(Ordering::Relaxed) > 0 {
            db.wary.fetch_sub(1, Ordering::Relaxed);
            return AtOnce::NotStored;
        }
        if self.batch.iter().any(|append| append.event.order.is_some()) {
            return AtOnce::NotStored;
        }
        // An id that is there twice is found taken.
        let indices: Vec<_> = (0..self.batch.len()).collect();
        let all = Part { batch: &self.batch, keys: &self.keys, indices: &indices };
        let (events, deliveries, replays) = (all.event_columns(), all.delivery_columns(), all.replay_columns());
        let mut params = events.params();
        params.push((&events.taken, TEXTS));
        params.push((&events.prints, BYTES));
        params.extend(deliveries.params());
        params.extend(replays.params());
        match db.query_untried(AT_ONCE, &params).await {
            Ok(_) => AtOnce::Stored(vec![Appended::Stored; self.batch.len()]),
            Err(trouble) if trouble.is_in_doubt() => AtOnce::InDoubt,
            Err(trouble) => {
                db.wary.fetch_add(if trouble.is_taken() { WARY } else { 0 }, Ordering::Relaxed);
                AtOnce::NotStored
            }
        }
    }

    pub(super) async fn new(db: &Db, batch: Arc<Vec<Append>>) -> Result<Self, StoreError> {
        let numbers = db.numbers.take(db, batch.len()).await?;
        let keys = batch.iter().zip(numbers).map(|(append, number)| event_key(append.now, number)).collect();
        Ok(Self { batch, keys })
    }

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

impl Operation for Appending {
    type Answer = Vec<Appended>;

    async fn run(&self, session: &Session<'_>) -> Result<Vec<Appended>, Trouble> {
        append_all(session, &self.batch, &self.keys).await
    }
}

/// Elements of a batch by (tenant, id): the first under each stands for those that repeat it.
fn firsts(batch: &[Append]) -> Vec<usize> {
    let mut first = HashMap::with_capacity(batch.len());
    let name = |append: &Append| (append.event.audience.work(), append.event.tenant.clone(), append.event.id.clone());
    batch.iter().enumerate().map(|(index, append)| *first.entry(name(append)).or_insert(index)).collect()
}

async fn append_all(session: &Session<'_>, batch: &[Append], keys: &[i64]) -> Result<Vec<Appended>, Trouble> {
    let firsts = firsts(batch);
    let new: Vec<_> = (0..batch.len()).filter(|index| firsts.get(*index) == Some(index)).collect();
    let lanes = order::lanes_of(batch);
    order::lock_within(session, &lanes, order::FOR_ALL).await?;
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
        // Who is told that it is there already may forget it.
        session.witness().await?;
    }
    Ok(answers(batch, keys, &firsts, &known))
}

/// What was published before under the id of an element: which event, and its fingerprint.
type Known = HashMap<usize, (i64, Option<Vec<u8>>)>;

const PUBLISH: &str = "INSERT INTO hookwire.publish (tenant, id, event, fingerprint, appended_at) \
     SELECT * FROM unnest($1, $2, $3, $4, $5) ON CONFLICT (tenant, id) DO NOTHING RETURNING event";

const PUBLISHED: &str = "SELECT o.item, k.event, k.fingerprint FROM unnest($1, $2, $3) AS o (tenant, id, item) \
     JOIN hookwire.publish k ON k.tenant = o.tenant AND k.id = o.id";

/// Takes the ids of these elements; answers those that were taken before.
async fn publish(session: &Session<'_>, new: &Part<'_>) -> Result<Known, Trouble> {
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
        // Forgotten between the two statements: the next try finds the id free.
        return Err(Trouble::Overtaken);
    }
    Ok(known)
}

const REPEATED: &str = "WITH taken AS (INSERT INTO hookwire.publish (tenant, id, event, appended_at) \
     SELECT * FROM unnest($1, $2, $3, $4) ON CONFLICT (tenant, id) DO NOTHING RETURNING event) \
     SELECT r.event FROM unnest($1, $2, $3) AS r (tenant, id, event) LEFT JOIN taken t ON t.event = r.event \
     LEFT JOIN hookwire.publish k ON k.tenant = r.tenant AND k.id = r.id AND k.event = r.event \
     WHERE t.event IS NULL AND k.event IS NULL";

/// Takes the signed bytes of these elements; answers those whose bytes came before, under whatever id. What an earlier try has
/// taken counts as taken now.
async fn repeated(session: &Session<'_>, new: &Part<'_>) -> Result<Known, Trouble> {
    let columns = new.replay_columns();
    if columns.ids.is_empty() {
        return Ok(Known::new());
    }
    let rows = session.query(REPEATED, &columns.params()).await?;
    let repeated: HashSet<i64> = rows.iter().map(|row| get(row, "event")).collect::<Result<_, _>>()?;
    let is_repeated = |index: &&usize| new.keys.get(**index).is_some_and(|key| repeated.contains(key));
    let print = |index: usize| new.batch.get(index).and_then(|append| append.event.fingerprint.map(|it| it.to_vec()));
    // Not stored under a key of its own, so under 0, which no event has.
    Ok(new.indices.iter().filter(is_repeated).map(|index| (*index, (0, print(*index)))).collect())
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

/// Some elements of a batch.
struct Part<'a> {
    batch: &'a [Append],
    keys: &'a [i64],
    indices: &'a [usize],
}

impl<'a> Part<'a> {
    fn items(&self) -> impl Iterator<Item = (&'a Append, i64)> {
        self.indices.iter().filter_map(|index| self.batch.get(*index).zip(self.keys.get(*index).copied()))
    }

    async fn insert_events(&self, session: &Session<'_>) -> Result<(), Trouble> {
        session.query(EVENTS, &self.event_columns().params()).await.map(drop)
    }

    async fn insert_deliveries(&self, session: &Session<'_>) -> Result<(), Trouble> {
        let columns = self.delivery_columns();
        if columns.ids.is_empty() {
            return Ok(());
        }
        session.query(DELIVERIES, &columns.params()).await.map(drop)
    }

    fn event_columns(&self) -> EventColumns<'a> {
        let mut columns = EventColumns::default();
        for (append, key) in self.items() {
            let event = &append.event;
            columns.keys.push(key);
            columns.tenants.push(event.tenant.as_str());
            columns.ids.push(event.id.as_str());
            columns.types.push(event.event_type.as_str());
            columns.content_types.push(&event.content_type);
            columns.occurred.push(event.occurred_at.as_micros());
            columns.appended.push(append.now.as_micros());
            columns.orders.push(event.order.as_ref().map(order_column));
            columns.deadlines.push(event.expires_at.map(Timestamp::as_micros));
            columns.bodies.push(&event.payload);
            columns.audiences.push(audience_column(event.audience));
            columns.origins.push(origin_column(event));
            columns.taken.push(publish_key(event.audience.work(), &event.id));
            columns.prints.push(event.fingerprint.as_ref().map(|print| &print[..]));
        }
        columns
    }

    /// Of received events whose signed bytes are remembered.
    fn replay_columns(&self) -> ReplayColumns<'a> {
        let mut columns = ReplayColumns::default();
        for (append, key) in self.items() {
            if let Some(id) = replay_key(&append.event) {
                columns.tenants.push(append.event.tenant.as_str());
                columns.ids.push(id);
                columns.events.push(key);
                columns.appended.push(append.now.as_micros());
            }
        }
        columns
    }

    fn delivery_columns(&self) -> DeliveryColumns {
        let mut columns = DeliveryColumns::default();
        for (append, event) in self.items() {
            let order = append.event.order.as_ref().map(order_column);
            for new in &append.deliveries {
                // What has to keep its order may have to wait, so it is never born leased, and due when its turn has come.
                let leased_until = new.leased_until.filter(|_| order.is_none());
                let due = leased_until.unwrap_or(append.now).as_micros();
                columns.ids.push(uuid_of_delivery(new.id));
                columns.events.push(event);
                columns.lanes.push(lane_column(new.lane));
                columns.dues.push(if order.is_some() { NEVER } else { due });
                columns.leased.push(leased_until.is_some());
                columns.made.push(append.now.as_micros());
                columns.orders.push(order.clone());
            }
        }
        columns
    }
}

#[derive(Default)]
struct EventColumns<'a> {
    keys: Vec<i64>,
    tenants: Vec<&'a str>,
    ids: Vec<&'a str>,
    types: Vec<&'a str>,
    content_types: Vec<&'a str>,
    occurred: Vec<i64>,
    appended: Vec<i64>,
    orders: Vec<Option<String>>,
    deadlines: Vec<Option<i64>>,
    bodies: Vec<&'a [u8]>,
    audiences: Vec<i16>,
    origins: Vec<Option<String>>,
    /// Under what the ids are taken. These two are of the ids, not of the events: no parameter of theirs.
    taken: Vec<Cow<'a, str>>,
    prints: Vec<Option<&'a [u8]>>,
}

impl EventColumns<'_> {
    fn params(&self) -> Vec<Param<'_>> {
        vec![
            (&self.keys, LONGS),
            (&self.tenants, TEXTS),
            (&self.ids, TEXTS),
            (&self.types, TEXTS),
            (&self.content_types, TEXTS),
            (&self.occurred, LONGS),
            (&self.appended, LONGS),
            (&self.orders, TEXTS),
            (&self.deadlines, LONGS),
            (&self.bodies, BYTES),
            (&self.audiences, SHORTS),
            (&self.origins, TEXTS),
        ]
    }
}

#[derive(Default)]
struct ReplayColumns<'a> {
    tenants: Vec<&'a str>,
    ids: Vec<String>,
    events: Vec<i64>,
    appended: Vec<i64>,
}

impl ReplayColumns<'_> {
    fn params(&self) -> Vec<Param<'_>> {
        vec![(&self.tenants, TEXTS), (&self.ids, TEXTS), (&self.events, LONGS), (&self.appended, LONGS)]
    }
}

#[derive(Default)]
struct DeliveryColumns {
    ids: Vec<Uuid>,
    events: Vec<i64>,
    lanes: Vec<Vec<u8>>,
    dues: Vec<i64>,
    leased: Vec<bool>,
    made: Vec<i64>,
    orders: Vec<Option<String>>,
}

impl DeliveryColumns {
    fn params(&self) -> Vec<Param<'_>> {
        vec![
            (&self.ids, UUIDS),
            (&self.events, LONGS),
            (&self.lanes, BYTES),
            (&self.dues, LONGS),
            (&self.leased, BOOLS),
            (&self.made, LONGS),
            (&self.orders, TEXTS),
        ]
    }
}
