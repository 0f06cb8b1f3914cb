//! Lists of which some records are damaged: the page shows the others, and each damaged record is logged once.

use std::time::Duration;

use super::damage::{Damage, is_damage};
use super::turns::Turns;
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery};
use crate::id::DeliveryId;
use crate::receiver::inbox::Inbox;
use crate::sender::Scoped;
use crate::store::turn::Turn;
use crate::store::{DeliveryQuery, Listed, Page, StoreError};

/// The most damaged records that one page skips. The next page continues after them.
const MOST_SKIPPED: usize = 3;

/// How many known damaged deliveries are tried before a search. Most of them belong to the same list, so the first is right.
const CANDIDATES: usize = 8;

const MICROSECOND: Duration = Duration::from_micros(1);

/// The attempts at a delivery cannot be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unreadable;

/// What the page of a delivery or a job says about its damaged records.
pub(super) fn notes(are_attempts_damaged: bool, is_event_damaged: bool) -> Vec<&'static str> {
    let attempts = "The attempts cannot be read. The log of the application has the reason.";
    let event = "The event cannot be read. The log of the application has the reason.";
    let notes = [are_attempts_damaged.then_some(attempts), is_event_damaged.then_some(event)];
    notes.into_iter().flatten().collect()
}

/// The last attempt at a delivery.
pub(super) type Last = Result<Option<Attempt>, Unreadable>;

/// Where deliveries are read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    Sent(&'a Scoped),
    Received(&'a Inbox),
}

impl Source<'_> {
    async fn list(self, query: &DeliveryQuery, page: Page) -> Result<Listed<Delivery>, StoreError> {
        match self {
            Self::Sent(scoped) => scoped.deliveries(query.clone(), page).await,
            Self::Received(inbox) => inbox.history().deliveries(query, page).await,
        }
    }

    async fn last(self, deliveries: &[Delivery]) -> Result<Vec<Option<Attempt>>, StoreError> {
        match self {
            Self::Sent(scoped) => scoped.last_attempts(deliveries).await,
            Self::Received(inbox) => {
                let ids: Vec<_> = deliveries.iter().map(|job| job.id).collect();
                let found = inbox.history().attempts_of(&ids).await?;
                Ok(found.into_iter().map(|mut attempts| attempts.pop()).collect())
            }
        }
    }
}

/// The last attempt at each of these deliveries, in one call if none is damaged. Otherwise the halves are read, down to single deliveries.
pub(super) async fn last_attempts(
    source: Source<'_>,
    damage: &Damage,
    deliveries: &[Delivery],
) -> Result<Vec<Last>, StoreError> {
    let (mut last, mut parts) = (Vec::with_capacity(deliveries.len()), vec![deliveries]);
    while let Some(part) = parts.pop() {
        match source.last(part).await {
            Ok(found) => last.extend(found.into_iter().map(Ok)),
            Err(error) if is_damage(&error) => match part.split_at(part.len() / 2) {
                (_, []) => {}
                ([], [one]) => {
                    damage.log("attempts", &one.id, &error);
                    last.push(Err(Unreadable));
                }
                (first, second) => parts.extend([second, first]),
            },
            Err(error) => return Err(error),
        }
    }
    Ok(last)
}

/// A page of a list.
#[derive(Debug, Default)]
pub(super) struct Salvaged {
    pub(super) items: Vec<Delivery>,
    /// The damaged records on the page.
    pub(super) damaged: Vec<DeliveryId>,
    /// The cursor of the next page.
    pub(super) next: Option<DeliveryId>,
}

impl Salvaged {
    /// The links around the page, of a list that shows the newest rows first.
    pub(super) fn turns(&self, turn: Turn<DeliveryId>, most: u32) -> Turns {
        let ids = || self.items.iter().map(|one| one.id).chain(self.damaged.iter().copied());
        let around = turn.around(true, ids().max().zip(ids().min()), self.next);
        Turns::of(turn, around, ids().count(), most)
    }

    /// Puts what was made of the items, and of the damaged records, into the order of the list.
    pub(super) fn in_order<T>(
        &self,
        rows: Vec<T>,
        of_damaged: impl Fn(DeliveryId) -> T,
        is_newest_first: bool,
    ) -> Vec<T> {
        let read = self.items.iter().map(|one| one.id).zip(rows);
        let damaged = self.damaged.iter().map(|id| (*id, of_damaged(*id)));
        let mut all: Vec<_> = read.chain(damaged).collect();
        all.sort_by(|(one, _), (other, _)| if is_newest_first { other.cmp(one) } else { one.cmp(other) });
        all.into_iter().map(|(_, row)| row).collect()
    }
}

/// Lists deliveries. A damaged record does not hide the others.
pub(super) async fn deliveries(
    source: Source<'_>,
    damage: &Damage,
    query: &DeliveryQuery,
    page: Page,
) -> Result<Salvaged, StoreError> {
    deliveries_skipping(MOST_SKIPPED, (source, damage), query, page).await
}

/// Like [`deliveries`], with at most this many damaged records on the page.
pub(super) async fn deliveries_skipping(
    most: usize,
    (source, damage): (Source<'_>, &Damage),
    query: &DeliveryQuery,
    page: Page,
) -> Result<Salvaged, StoreError> {
    match source.list(query, page).await {
        Ok(found) => Ok(Salvaged { items: found.items, damaged: Vec::new(), next: found.next }),
        Err(error) if is_damage(&error) => {
            let found = Search { source, damage, query, page }.around_damage(most, &error).await?;
            found.damaged.iter().for_each(|id| damage.log("delivery", id, &error));
            Ok(found)
        }
        Err(error) => Err(error),
    }
}

/// Reads a list around its damaged records. The id of a damaged record is not in the error, so it is searched.
///
/// A query whose span contains the record fails; a query whose span ends before it works. So halving the span finds the time. Among the
/// ids of that time, halving finds the id in the same way. A search costs about 190 reads, so what it found is remembered and tried first.
/// If several records of one microsecond are damaged, others of the same microsecond may be left out.
struct Search<'a> {
    source: Source<'a>,
    damage: &'a Damage,
    query: &'a DeliveryQuery,
    page: Page,
}

/// A damaged record.
struct Place {
    /// Its position in the list.
    at: u128,
    /// When it was made.
    made_at: Timestamp,
}

impl Search<'_> {
    /// The position of an id in the list: later ids have higher numbers.
    const fn place(&self, id: DeliveryId) -> u128 {
        let number = u128::from_be_bytes(*id.as_bytes());
        if self.page.newest_first { !number } else { number }
    }

    const fn id(&self, place: u128) -> DeliveryId {
        DeliveryId::from_bytes((if self.page.newest_first { !place } else { place }).to_be_bytes())
    }

    /// The part of the list after this place; `None` if a record of it is damaged.
    async fn read(
        &self,
        query: &DeliveryQuery,
        after: u128,
        limit: u32,
    ) -> Result<Option<Listed<Delivery>>, StoreError> {
        let page = Page { limit, after: Some(self.id(after)), ..self.page };
        match self.source.list(query, page).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_damage(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn around_damage(&self, most: usize, error: &StoreError) -> Result<Salvaged, StoreError> {
        let mut found = Salvaged::default();
        let start = self.page.after.map_or(0, |after| self.place(after));
        let mut at = start;
        loop {
            let Some(end) = self.read_up_to_damage(&mut found, at).await? else { return Ok(found) };
            let place = match found.damaged.len() < most {
                true => self.place_of_damage(end, error).await?,
                false => None,
            };
            let Some(place) = place else {
                // Without progress, the next page would be this one again.
                found.next = Some(self.id(end)).filter(|_| end != start);
                return Ok(found);
            };
            found.items.extend(self.directly_before(&place, end).await?);
            found.damaged.push(self.id(place.at));
            at = place.at;
        }
    }

    /// The first damaged record after this place; `None` if it cannot be found, which is logged.
    async fn place_of_damage(&self, start: u128, error: &StoreError) -> Result<Option<Place>, StoreError> {
        if let Some(known) = self.known_after(start).await? {
            return Ok(Some(known));
        }
        let made_at = self.time_of_damage(start).await?;
        let only = self.of_time(made_at);
        // The time is wrong if the record was repaired meanwhile, or if its time is damaged too.
        let at = match self.read(&only, start, 1).await? {
            None => self.damaged_after(start, &only).await?,
            Some(_) => None,
        };
        let Some(at) = at else {
            self.damage.log("delivery", &"with an unknown id", error);
            return Ok(None);
        };
        self.damage.remember(self.id(at), made_at);
        Ok(Some(Place { at, made_at }))
    }

    /// The nearest damaged record that was found before, if it belongs to this list and no other damaged record is before it.
    async fn known_after(&self, start: u128) -> Result<Option<Place>, StoreError> {
        for (id, made_at) in self.damage.known_after(self.id(start), self.page.newest_first, CANDIDATES) {
            let (at, only) = (self.place(id), self.of_time(made_at));
            let fails_with_it = self.read(&only, at.saturating_sub(1), 1).await?.is_none();
            if fails_with_it && self.read(&only, at, 1).await?.is_some() {
                let is_first = self.read(&self.before_time(made_at), start, 1).await?.is_some();
                return Ok(is_first.then_some(Place { at, made_at }));
            }
        }
        Ok(None)
    }

    /// Reads on until the page is complete, or until the next record or the one after it is damaged: then it returns the place before.
    async fn read_up_to_damage(&self, found: &mut Salvaged, mut at: u128) -> Result<Option<u128>, StoreError> {
        let room = |found: &Salvaged| {
            let used = u32::try_from(found.items.len() + found.damaged.len()).unwrap_or(u32::MAX);
            self.page.limit.saturating_sub(used)
        };
        let mut limit = room(found);
        while limit > 0 {
            let Some(more) = self.read(self.query, at, limit).await? else {
                if limit == 1 {
                    return Ok(Some(at));
                }
                limit /= 2;
                continue;
            };
            // A page that is not full although the list goes on has searched as far as one call may.
            let is_short = more.items.len() < limit as usize;
            found.items.extend(more.items);
            found.next = more.next;
            let Some(next) = more.next.filter(|_| !is_short) else { return Ok(None) };
            at = self.place(next);
            limit = limit.min(room(found));
        }
        found.next = Some(self.id(at));
        Ok(None)
    }

    /// The place of the damaged record among those that were made at its time; `None` if the list cannot be read at any place.
    async fn damaged_after(&self, start: u128, only: &DeliveryQuery) -> Result<Option<u128>, StoreError> {
        let (mut low, mut high) = (start, u128::MAX);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            match self.read(only, middle, 1).await? {
                Some(_) => high = middle,
                None => low = middle,
            }
        }
        Ok((high < u128::MAX).then_some(high))
    }

    /// The microsecond in which the first damaged record after this place was made.
    async fn time_of_damage(&self, start: u128) -> Result<Timestamp, StoreError> {
        let (mut early, mut late) = (Timestamp::EPOCH, Timestamp::MAX);
        while early + MICROSECOND < late {
            let middle = Timestamp::from_micros(i64::midpoint(early.as_micros(), late.as_micros()));
            let is_readable = self.read(&self.of_span(middle), start, 1).await?.is_some();
            // The span begins at the middle if the newest come first; otherwise it ends there.
            match is_readable == self.page.newest_first {
                true => late = middle,
                false => early = middle,
            }
        }
        Ok(early)
    }

    /// The query, limited to the microsecond that begins at this time.
    fn of_time(&self, at: Timestamp) -> DeliveryQuery {
        let mut query = self.query.clone();
        query.from = query.from.max(Some(at));
        query.to = Some(query.to.map_or(at + MICROSECOND, |to| to.min(at + MICROSECOND)));
        query
    }

    /// The query, limited to the side of this time where the list begins.
    fn of_span(&self, at: Timestamp) -> DeliveryQuery {
        let mut query = self.query.clone();
        match self.page.newest_first {
            true => query.from = query.from.max(Some(at)),
            false => query.to = Some(query.to.map_or(at, |to| to.min(at))),
        }
        query
    }

    /// The query, limited to the part of the list before the records of this microsecond.
    fn before_time(&self, at: Timestamp) -> DeliveryQuery {
        self.of_span(if self.page.newest_first { at + MICROSECOND } else { at })
    }

    /// The record between `start` and a damaged one. It could not be read before, because a store reads one record more than it returns.
    /// It is read from the other side, or without what was made at the time of the damaged record.
    async fn directly_before(&self, damaged: &Place, start: u128) -> Result<Option<Delivery>, StoreError> {
        let back = Page { limit: 1, after: Some(self.id(damaged.at)), newest_first: !self.page.newest_first };
        let read = match self.source.list(self.query, back).await {
            Err(error) if is_damage(&error) => {
                self.read(&self.before_time(damaged.made_at), start, 1).await?.unwrap_or_default()
            }
            read => read?,
        };
        Ok(read.items.into_iter().find(|one| self.place(one.id) > start))
    }
}
