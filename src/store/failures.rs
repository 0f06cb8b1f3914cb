//! Failed deliveries in groups: a broken release at one endpoint is one group instead of thousands of rows.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;

use sha2::{Digest as _, Sha256};

use super::RollupStep;
use crate::clock::Timestamp;
use crate::delivery::Settlement;
use crate::id::{DeliveryId, EndpointId, Tenant};
use crate::outcome::Outcome;
use crate::retry::{Decision, FailReason};

/// The number of characters of a response that distinguish failures.
const SHAPE: usize = 160;

/// What the failures of a [group](FailureGroup) have in common, in addition to the endpoint.
///
/// ```
/// use hookwire::outcome::Outcome;
/// use hookwire::store::FailureKind;
///
/// let shape = FailureKind::shape_of("error 17 at req_5f2c: timeout");
/// assert_eq!(shape, FailureKind::shape_of("error 4 at req_91aa: timeout"));
/// assert_ne!(shape, FailureKind::shape_of("error 17 at req_5f2c: refused"));
/// assert_eq!(FailureKind::REST.outcome, None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FailureKind {
    /// The outcome of the last attempt. `None` if the delivery was given up without another attempt, because it had
    /// [expired](FailReason::Expired) or was [poison](FailReason::Poison), and for [`REST`](Self::REST).
    pub outcome: Option<Outcome>,
    /// The reason for which the delivery was given up. `None` for [`REST`](Self::REST).
    pub reason: Option<FailReason>,
    /// A hash of the [shape](Self::shape_of) of the response. It is 0 if there was no response text, or if the endpoint has too many kinds
    /// of failures in one hour to distinguish them by shape.
    pub shape: u64,
}

impl FailureKind {
    /// The kind of all failures of an endpoint in one hour that are not counted by a kind of their own.
    pub const REST: Self = Self { outcome: None, reason: None, shape: 0 };

    /// The kind of a settlement that gave a delivery up; `None` for any other settlement.
    #[must_use]
    pub fn of(settlement: &Settlement) -> Option<Self> {
        let (Decision::Fail { reason } | Decision::Disable { reason }) = settlement.decision else { return None };
        let attempt = settlement.attempt.as_ref();
        let excerpt = attempt.and_then(|attempt| attempt.excerpt.as_deref()).unwrap_or_default();
        Some(Self {
            outcome: attempt.map(|attempt| attempt.outcome),
            reason: Some(reason),
            shape: Self::shape_of(excerpt),
        })
    }

    /// The hash of the shape of a response text. The shape is the beginning of the text (160 characters), in which each word with a digit
    /// is replaced by `#`: so it has no numbers and ids, which differ between requests. Stores keep the hash, so it is the same in every
    /// process and release: the first 8 bytes of SHA-256. An empty text has the hash 0.
    #[must_use]
    pub fn shape_of(excerpt: &str) -> u64 {
        if excerpt.is_empty() {
            return 0;
        }
        let hash = Sha256::digest(shape(excerpt));
        hash.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
    }

    /// The same kind, without the shape of the response.
    pub(in crate::store) const fn without_shape(self) -> Self {
        Self { shape: 0, ..self }
    }
}

/// A response text without the parts that differ between requests.
fn shape(excerpt: &str) -> String {
    let words = excerpt.split_inclusive(|c: char| !c.is_alphanumeric());
    let bare = words.map(|word| match word.contains(|c: char| c.is_ascii_digit()) {
        true => ("#", word.trim_start_matches(char::is_alphanumeric)),
        false => ("", word),
    });
    bare.flat_map(|(mark, rest)| mark.chars().chain(rest.chars())).take(SHAPE).collect()
}

/// Deliveries to one endpoint that failed finally, and in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailureGroup {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The tenant of the endpoint, also if the endpoint was removed. `None` only if the endpoint was never stored.
    pub tenant: Option<Tenant>,
    /// What the failures have in common.
    pub kind: FailureKind,
    /// The number of failures. A delivery that was resent and failed again counts twice.
    pub count: u64,
    /// The time of the first failure.
    pub first: Timestamp,
    /// The time of the last failure.
    pub last: Timestamp,
    /// The time at which the oldest of these deliveries was made, in whole milliseconds, as its id says.
    pub oldest: Timestamp,
    /// The time at which the newest of these deliveries was made, in whole milliseconds, as its id says.
    pub newest: Timestamp,
    /// The delivery that failed last. It may be pruned.
    pub sample: DeliveryId,
}

impl FailureGroup {
    /// The group of one delivery, which was given up at `at`.
    #[must_use]
    pub fn of(endpoint: EndpointId, kind: FailureKind, delivery: DeliveryId, at: Timestamp) -> Self {
        let made = made_at(delivery);
        Self {
            endpoint,
            tenant: None,
            kind,
            count: 1,
            first: at,
            last: at,
            oldest: made,
            newest: made,
            sample: delivery,
        }
    }

    /// Adds the failures of another group of the same endpoint.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.first = self.first.min(other.first);
        self.oldest = self.oldest.min(other.oldest);
        self.newest = self.newest.max(other.newest);
        (self.last, self.sample) = (self.last, self.sample).max((other.last, other.sample));
        self.tenant = self.tenant.take().or_else(|| other.tenant.clone());
    }
}

/// Groups of failures, and the time since which they are complete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailureList {
    /// The groups, the largest first.
    pub groups: Vec<FailureGroup>,
    /// Every failure in the hours that begin at this time or later is counted. It is the beginning of the [span](FailureQuery::span), or
    /// later if the store has more groups in the span than one call [examines](FailureQuery::MAX_EXAMINED): then the failures of older
    /// hours are counted only in part.
    pub from: Timestamp,
}

impl FailureList {
    /// Creates a list of groups that are complete since `from`.
    #[must_use]
    pub const fn new(groups: Vec<FailureGroup>, from: Timestamp) -> Self {
        Self { groups, from }
    }

    /// Merges the stored groups of several hours, each with the beginning of its hour, and keeps the largest ones. The groups must match the
    /// query, and those of the newest hours must come first. At most [`FailureQuery::MAX_EXAMINED`] groups are taken, and one more is
    /// examined.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::id::{DeliveryId, EndpointId};
    /// use hookwire::store::{FailureGroup, FailureKind, FailureList, FailureQuery};
    ///
    /// let (noon, one) = (Timestamp::from_secs(43_200), Timestamp::from_secs(46_800));
    /// let endpoint = EndpointId::generate(noon);
    /// let hours = [one, noon]
    ///     .map(|at| (at, FailureGroup::of(endpoint, FailureKind::REST, DeliveryId::generate(at), at)));
    /// let list = FailureList::merged(&FailureQuery::between(noon, one + std::time::Duration::from_secs(1)), hours);
    /// assert_eq!(list.from, noon);
    /// assert_eq!((list.groups[0].count, list.groups[0].first, list.groups[0].last), (2, noon, one));
    /// ```
    pub fn merged(query: &FailureQuery, stored: impl IntoIterator<Item = (Timestamp, FailureGroup)>) -> Self {
        let mut sum = FailureSum::new(query);
        for (hour, group) in stored {
            if !sum.examine(hour) {
                break;
            }
            sum.add(group);
        }
        sum.largest(query)
    }
}

/// The groups of several hours, merged. The newest hours are added first.
#[derive(Debug)]
pub(in crate::store) struct FailureSum {
    groups: HashMap<(EndpointId, FailureKind), FailureGroup>,
    /// The number of stored groups that were examined.
    examined: usize,
    /// Everything since then was examined.
    from: Timestamp,
}

impl FailureSum {
    pub(in crate::store) fn new(query: &FailureQuery) -> Self {
        Self { groups: HashMap::new(), examined: 0, from: query.span().start }
    }

    /// Whether a stored group of this hour may be added. If not, the limit is reached, and nothing more should be read.
    pub(in crate::store) fn examine(&mut self, hour: Timestamp) -> bool {
        let has_room = self.examined < FailureQuery::MAX_EXAMINED;
        if has_room {
            self.examined += 1;
        } else {
            // This hour is counted in part at most.
            self.from = self.from.max(hour + RollupStep::Hour.length());
        }
        has_room
    }

    pub(in crate::store) fn add(&mut self, group: FailureGroup) {
        match self.groups.get_mut(&(group.endpoint, group.kind)) {
            Some(sum) => sum.merge(&group),
            None => drop(self.groups.insert((group.endpoint, group.kind), group)),
        }
    }

    /// The largest groups, the largest first.
    pub(in crate::store) fn largest(self, query: &FailureQuery) -> FailureList {
        let mut groups: Vec<_> = self.groups.into_values().collect();
        groups.sort_by_key(|group| Reverse((group.count, group.last, group.sample)));
        groups.truncate(query.bounded_limit() as usize);
        FailureList { groups, from: self.from }
    }
}

/// The time in a delivery's id, which is a UUIDv7 (RFC 9562 section 5.7).
fn made_at(id: DeliveryId) -> Timestamp {
    let millis = u128::from_be_bytes(*id.as_bytes()) >> 80;
    Timestamp::from_micros(i64::try_from(millis).unwrap_or(i64::MAX).saturating_mul(1_000))
}

/// A filter for [groups of failures](FailureGroup): a group matches when it matches every field.
///
/// ```
/// use hookwire::clock::Timestamp;
/// use hookwire::store::FailureQuery;
///
/// let mut query = FailureQuery::between(Timestamp::from_secs(0), Timestamp::from_secs(7_200));
/// query.tenant = Some("acme".into());
/// assert_eq!(query.limit, 50);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FailureQuery {
    /// The tenant of the endpoint.
    pub tenant: Option<Tenant>,
    /// The endpoint.
    pub endpoint: Option<EndpointId>,
    /// Only hours that begin at this time or later.
    pub from: Timestamp,
    /// Only hours that begin before this time.
    pub to: Timestamp,
    /// The maximum number of groups. Default: 50. A store returns at most [`MAX_LIMIT`](Self::MAX_LIMIT).
    pub limit: u32,
}

impl FailureQuery {
    /// The largest number of groups that one call returns.
    pub const MAX_LIMIT: u32 = 200;

    /// The number of stored groups that one call examines at most: those of the newest hours. A stored group is that of one endpoint, kind
    /// and hour.
    pub const MAX_EXAMINED: usize = 20_000;

    /// Creates a query for the failures of all endpoints, in the hours that begin at `from` or later, and before `to`.
    #[must_use]
    pub const fn between(from: Timestamp, to: Timestamp) -> Self {
        Self { tenant: None, endpoint: None, from, to, limit: 50 }
    }

    /// The number of groups that a store returns at most.
    #[must_use]
    pub const fn bounded_limit(&self) -> u32 {
        if self.limit < Self::MAX_LIMIT { self.limit } else { Self::MAX_LIMIT }
    }

    /// The span of time that a store searches: the hours that begin at its start or later, and before its end. A span that is longer than
    /// the [retention](RollupStep::retention) is cut to its last part.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use hookwire::clock::Timestamp;
    /// use hookwire::store::FailureQuery;
    ///
    /// let (day, now) = (Duration::from_secs(86_400), Timestamp::from_secs(1_700_000_000));
    /// assert_eq!(FailureQuery::between(now - day, now).span(), now - day..now);
    /// let hour = Duration::from_secs(3_600);
    /// assert_eq!(FailureQuery::between(now - day * 400, now).span(), now - day * 90 - hour..now);
    /// ```
    #[must_use]
    pub fn span(&self) -> Range<Timestamp> {
        let hour = RollupStep::Hour;
        self.from.max(self.to - hour.retention() - hour.length())..self.to
    }

    /// The beginnings of the hours in the [span](Self::span), the newest first.
    pub(in crate::store) fn newest_hours(&self) -> Vec<Timestamp> {
        let span = self.span();
        let mut hours: Vec<_> = RollupStep::Hour.starts(span.start, span.end).collect();
        hours.reverse();
        hours
    }

    /// Whether a group belongs to the tenant and the endpoint of the query. The span of time is not compared.
    #[must_use]
    pub fn is_for(&self, group: &FailureGroup) -> bool {
        self.tenant.as_ref().is_none_or(|tenant| group.tenant.as_ref() == Some(tenant))
            && self.endpoint.is_none_or(|endpoint| group.endpoint == endpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_that_differ_in_numbers_and_ids_have_one_shape() {
        let shapes = ["error 17 at req_5f2c: timeout", "error 4 at req_91aa: timeout"].map(shape);
        assert_eq!(shapes[0], "error # at req_#: timeout");
        assert_eq!(shapes[0], shapes[1]);
        assert_ne!(shape("error 1: timeout"), shape("error 1: refused"));
        assert_eq!(shape(&"é".repeat(10_000)).chars().count(), SHAPE);
        assert_eq!(shape("7"), "#");
    }

    #[test]
    fn the_stored_hash_of_a_shape_never_changes() {
        assert_eq!(FailureKind::shape_of("no such user"), 0x1835_e631_e7a7_8cb9);
        assert_eq!(FailureKind::shape_of(""), 0);
    }

    #[test]
    fn the_time_of_a_delivery_is_that_of_its_id() {
        let at = Timestamp::from_micros(1_700_000_000_123_999);
        assert_eq!(made_at(DeliveryId::generate(at)), Timestamp::from_micros(1_700_000_000_123_000));
    }

    #[test]
    fn above_the_limit_the_newest_hours_are_counted_and_the_list_says_since_when() {
        let hour = RollupStep::Hour.length();
        let (first, to) = (Timestamp::EPOCH, Timestamp::EPOCH + hour * 300);
        let between = |from| FailureQuery { limit: FailureQuery::MAX_LIMIT, ..FailureQuery::between(from, to) };
        let query = between(first);
        let endpoint = EndpointId::generate(first);
        let group = |at: Timestamp, shape| {
            let kind = FailureKind { shape, ..FailureKind::REST };
            (at, FailureGroup::of(endpoint, kind, DeliveryId::generate(at), at))
        };
        let merged = |kinds: u64| {
            let hours = query.newest_hours().into_iter();
            FailureList::merged(&query, hours.flat_map(|at| (0..kinds).map(move |shape| group(at, shape))))
        };
        let counted = |list: &FailureList| list.groups.iter().map(|group| group.count).sum::<u64>();
        let whole = merged(50);
        assert_eq!((whole.from, counted(&whole)), (first, 300 * 50));
        let cut = merged(101);
        assert_eq!(counted(&cut), 20_000);
        assert_eq!(cut.from, to - hour * 198, "2 groups of the 199th hour were read");
        let even = merged(100);
        assert_eq!((even.from, counted(&even)), (to - hour * 200, 20_000), "the 200th hour was read in full");
        let exact = between(to - hour * 200);
        let hours = exact.newest_hours().into_iter();
        let exact = FailureList::merged(&exact, hours.flat_map(|at| (0..100).map(move |shape| group(at, shape))));
        assert_eq!((exact.from, counted(&exact)), (to - hour * 200, 20_000), "exactly as many as the limit");
        let last = FailureList::merged(&query, (0..20_001).map(|shape| group(to - hour, shape)));
        assert_eq!(last.from, to, "no hour was read in full");
    }
}
