//! Groups of failures as columns: their part of a note, their kind, and the limit on kinds.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use crate::clock::Timestamp;
use crate::delivery::Settlement;
use crate::id::{DeliveryId, EndpointId, LaneId, Tenant};
use crate::outcome::Outcome;
use crate::retry::FailReason;
use crate::store::{FailureGroup, FailureKind, RollupStep};

/// The number of bytes of a [`failure_kind_column`].
const KIND_BYTES: usize = 11;

/// An endpoint has at most this many kinds in one hour. What is above it is counted without the shape of the response.
const SHAPES: usize = 50;

/// An endpoint has at most this many kinds in one hour, and one more: [`FailureKind::REST`].
const KINDS: usize = 100;

/// The outcomes without a status. An outcome has the number of its place, counted from [`FIRST_OUTCOME`]. Numbers are stored: append only.
const OUTCOMES: [Outcome; 12] = [
    Outcome::Dns,
    Outcome::Connect,
    Outcome::Tls,
    Outcome::Timeout,
    Outcome::Reset,
    Outcome::Protocol,
    Outcome::Blocked,
    Outcome::Local,
    Outcome::Panic,
    Outcome::Handled,
    Outcome::HandlerFailed,
    Outcome::HandlerRejected,
];

/// Lower numbers are statuses, and 0 is no attempt.
const FIRST_OUTCOME: u16 = 1_000;

/// The reasons. A reason has the number of its place, counted from 1; 0 is no reason. Numbers are stored: append only.
const REASONS: [FailReason; 8] = [
    FailReason::Exhausted,
    FailReason::Gone,
    FailReason::Permanent,
    FailReason::Blocked,
    FailReason::Faults,
    FailReason::Poison,
    FailReason::Expired,
    FailReason::Superseded,
];

fn outcome_number(outcome: Option<Outcome>) -> u16 {
    match outcome {
        None => 0,
        Some(Outcome::Status(status)) => status.min(FIRST_OUTCOME - 1),
        Some(other) => FIRST_OUTCOME.saturating_add(place_in(&OUTCOMES, &other)),
    }
}

fn reason_number(reason: Option<FailReason>) -> u8 {
    reason.map_or(0, |reason| u8::try_from(place_in(&REASONS, &reason)).unwrap_or(u8::MAX).saturating_add(1))
}

fn place_in<T: PartialEq>(all: &[T], one: &T) -> u16 {
    all.iter().position(|known| known == one).and_then(|place| u16::try_from(place).ok()).unwrap_or(u16::MAX)
}

fn restore_kind(outcome: u16, reason: u8, shape: u64) -> FailureKind {
    let mut kind = FailureKind::REST;
    kind.outcome = match outcome {
        0 => None,
        1..FIRST_OUTCOME => Some(Outcome::Status(outcome)),
        _ => OUTCOMES.get(usize::from(outcome - FIRST_OUTCOME)).copied(),
    };
    kind.reason = usize::from(reason).checked_sub(1).and_then(|place| REASONS.get(place)).copied();
    kind.shape = shape;
    kind
}

/// A kind of failures as binary column: the number of the outcome (2 bytes), the number of the reason (1 byte) and the shape (8 bytes).
///
/// ```
/// use hookwire::store::FailureKind;
/// use hookwire::store::sql::{failure_kind_column, restore_failure_kind};
///
/// assert_eq!(restore_failure_kind(&failure_kind_column(&FailureKind::REST)), Some(FailureKind::REST));
/// assert_eq!(restore_failure_kind(b"short"), None);
/// ```
#[must_use]
pub fn failure_kind_column(kind: &FailureKind) -> Vec<u8> {
    let mut column = Vec::with_capacity(KIND_BYTES);
    column.extend_from_slice(&outcome_number(kind.outcome).to_be_bytes());
    column.push(reason_number(kind.reason));
    column.extend_from_slice(&kind.shape.to_be_bytes());
    column
}

/// The kind of a [column](failure_kind_column). Returns `None` if the column has the wrong length. An outcome or a reason that this version
/// does not know is `None`.
#[must_use]
pub fn restore_failure_kind(column: &[u8]) -> Option<FailureKind> {
    let (outcome, rest) = column.split_first_chunk()?;
    let (reason, rest) = rest.split_first()?;
    let shape = <[u8; 8]>::try_from(rest).ok()?;
    Some(restore_kind(u16::from_be_bytes(*outcome), *reason, u64::from_be_bytes(shape)))
}

/// The places of a note's numbers that describe a failure. A version that does not know them leaves them out.
const KIND_PLACE: u8 = 48;
const SHAPE_PLACE: u8 = 49;
const ID_PLACES: [u8; 2] = [50, 51];

/// The numbers that the note of a settlement has in addition if the delivery was given up, each with its place. A note has the minute of the
/// settlement, so the first number has the rest of the time.
pub(super) fn failure_numbers(settlement: &Settlement) -> Option<[(u8, u64); 4]> {
    // Jobs of an inbox have no groups.
    settlement.lane.endpoint()?;
    let kind = FailureKind::of(settlement)?;
    let micros = settlement.at.as_micros() - RollupStep::Minute.start(settlement.at).as_micros();
    let first = u64::from(outcome_number(kind.outcome))
        | u64::from(reason_number(kind.reason)) << 16
        | u64::try_from(micros).unwrap_or(0) << 24;
    let id = u128::from_be_bytes(*settlement.lease.delivery.as_bytes());
    let [high, low] = ID_PLACES;
    let half = |shift: u32| u64::try_from((id >> shift) & u128::from(u64::MAX)).unwrap_or(0);
    Some([(KIND_PLACE, first), (SHAPE_PLACE, kind.shape), (high, half(64)), (low, half(0))])
}

/// The failure that the numbers of a note describe; `None` if there was none.
fn restore_failure(lane: LaneId, minute: Timestamp, numbers: &[u64]) -> Option<FailureGroup> {
    let endpoint = lane.endpoint()?;
    let number = |place: u8| numbers.get(usize::from(place)).copied().unwrap_or(0);
    let first = number(KIND_PLACE);
    if first == 0 {
        return None;
    }
    let [_, _, _, _, _, reason, outcome @ ..] = first.to_be_bytes();
    let kind = restore_kind(u16::from_be_bytes(outcome), reason, number(SHAPE_PLACE));
    let micros = i64::try_from(first >> 24).ok()?;
    let [high, low] = ID_PLACES;
    let id = u128::from(number(high)) << 64 | u128::from(number(low));
    let at = Timestamp::from_micros(minute.as_micros().saturating_add(micros));
    Some(FailureGroup::of(endpoint, kind, DeliveryId::from_bytes(id.to_be_bytes()), at))
}

/// The failures in notes, by hour, endpoint and kind.
#[derive(Debug, Default)]
pub(super) struct FailureFold(BTreeMap<(Timestamp, EndpointId), HashMap<FailureKind, FailureGroup>>);

impl FailureFold {
    /// Counts the failure that the numbers of a note describe, if there was one.
    pub(super) fn add(&mut self, lane: LaneId, minute: Timestamp, numbers: &[u64]) {
        let Some(failure) = restore_failure(lane, minute, numbers) else { return };
        let hour = self.0.entry((RollupStep::Hour.start(minute), failure.endpoint)).or_default();
        match hour.get_mut(&failure.kind) {
            Some(group) => group.merge(&failure),
            None => drop(hour.insert(failure.kind, failure)),
        }
    }

    /// What was counted. The tenants are those of the endpoints that are stored.
    pub(super) fn groups(&self, tenants: &HashMap<EndpointId, Tenant>) -> FoldedFailures {
        let mut folded = FoldedFailures::new();
        for ((hour, endpoint), kinds) in &self.0 {
            let tenant = tenants.get(endpoint);
            let groups = kinds.values().map(|group| FailureGroup { tenant: tenant.cloned(), ..group.clone() });
            folded.insert((*hour, *endpoint), groups.collect());
        }
        folded
    }
}

/// The failures that a [`RollupFold`](super::RollupFold) has counted, by hour and endpoint. No two groups of a list have the same kind. A
/// store [limits](limit_failure_kinds) each list, and adds the groups to those that it has.
pub type FoldedFailures = BTreeMap<(Timestamp, EndpointId), Vec<FailureGroup>>;

/// Limits the kinds of one endpoint in one hour, so that an endpoint whose responses are all different does not fill the store. `stored` are
/// the kinds that the store has for this endpoint and hour. Groups whose kinds are new and too many are counted without the shape of the
/// response, or as [`FailureKind::REST`]. No two groups of the result have the same kind.
#[must_use]
pub fn limit_failure_kinds(mut groups: Vec<FailureGroup>, stored: &[FailureKind]) -> Vec<FailureGroup> {
    let mut known: HashSet<FailureKind> = stored.iter().copied().collect();
    let mut limited: HashMap<FailureKind, FailureGroup> = HashMap::new();
    // The largest groups keep their shape.
    groups.sort_by_key(|group| Reverse((group.count, group.last, group.sample)));
    for mut group in groups {
        group.kind = kind_within(group.kind, &known);
        known.insert(group.kind);
        match limited.get_mut(&group.kind) {
            Some(sum) => sum.merge(&group),
            None => drop(limited.insert(group.kind, group)),
        }
    }
    limited.into_values().collect()
}

/// The kind that a failure is counted by if the endpoint has these kinds already.
fn kind_within(kind: FailureKind, known: &HashSet<FailureKind>) -> FailureKind {
    let bare = kind.without_shape();
    let is_counted = |kind: &FailureKind, most: usize| known.contains(kind) || known.len() < most;
    match kind {
        kind if is_counted(&kind, SHAPES) => kind,
        _ if is_counted(&bare, KINDS) => bare,
        _ => FailureKind::REST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_and_reason_reads_back() {
        let outcomes = OUTCOMES.into_iter().chain([100, 503, 999].map(Outcome::Status)).map(Some).chain([None]);
        for outcome in outcomes {
            for reason in REASONS.into_iter().map(Some).chain([None]) {
                let kind = FailureKind { outcome, reason, shape: u64::MAX - 7 };
                let column = failure_kind_column(&kind);
                assert_eq!((column.len(), restore_failure_kind(&column)), (KIND_BYTES, Some(kind)));
                assert_eq!(restore_failure_kind(&column[1..]), None);
            }
        }
        let named = |name: &str| REASONS.iter().any(|reason| reason.as_str() == name);
        let all = ["exhausted", "gone", "permanent", "blocked", "faults", "poison", "expired", "superseded"];
        assert!(all.into_iter().all(named));
    }

    #[test]
    fn numbers_of_a_later_version_are_read_as_unknown() {
        let kind = restore_failure_kind(&[0xff, 0xff, 200, 0, 0, 0, 0, 0, 0, 0, 9]).unwrap();
        assert_eq!(kind, FailureKind { outcome: None, reason: None, shape: 9 });
    }

    #[test]
    fn kinds_are_limited_and_the_largest_keep_their_shape() {
        let (at, endpoint) = (Timestamp::EPOCH, EndpointId::generate(Timestamp::EPOCH));
        let group = |status, shape, count| {
            let kind = FailureKind { outcome: Some(Outcome::Status(status)), reason: Some(FailReason::Gone), shape };
            FailureGroup { count, ..FailureGroup::of(endpoint, kind, DeliveryId::generate(at), at) }
        };
        let many: Vec<_> = (1..=80).map(|shape| group(500, shape, shape)).collect();
        let limited = limit_failure_kinds(many.clone(), &[]);
        assert_eq!(limited.len(), SHAPES + 1);
        assert_eq!(limited.iter().map(|group| group.count).sum::<u64>(), 81 * 40);
        assert!(limited.iter().any(|group| group.kind.shape == 80 && group.count == 80));
        assert!(limited.iter().any(|group| group.kind.shape == 0 && group.count == 31 * 15));
        let stored: Vec<_> = limited.iter().map(|group| group.kind).collect();
        let again = limit_failure_kinds(many, &stored);
        assert_eq!(again.iter().filter(|group| !stored.contains(&group.kind)).count(), 0, "nothing new");
        let statuses = limit_failure_kinds((501..=999).map(|status| group(status, 7, 1)).collect(), &stored);
        assert_eq!(statuses.len(), KINDS - stored.len() + 1);
        let rest = statuses.iter().find(|group| group.kind == FailureKind::REST).unwrap();
        assert_eq!(rest.count, 499 - (KINDS - stored.len()) as u64);
    }
}
