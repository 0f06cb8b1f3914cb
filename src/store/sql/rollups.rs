//! Rollups as columns: the note of a settlement, the counting of notes, and the numbers of a rollup.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::columns::{lane_column, restore_lane};
use super::failures::{FailureFold, FoldedFailures, failure_numbers};
use crate::clock::Timestamp;
use crate::delivery::Settlement;
use crate::id::{EndpointId, LaneId, Tenant, Work};
use crate::store::{Rollup, RollupGroup, RollupStep};

/// The note of a settlement: its lane, its minute, what [`Rollup::record`] would count, and the failure if the delivery was given up. A
/// settle transaction appends the notes of its settlements to a table, several in one column, and [`RollupFold`] counts them later. So
/// settling costs no look-up of a rollup.
///
/// ```
/// # use hookwire::clock::Timestamp;
/// # use hookwire::delivery::{Lease, Leased, Settlement};
/// # use hookwire::event::NewEvent;
/// # use hookwire::id::{DeliveryId, EndpointId, LaneId};
/// # use hookwire::retry::Decision;
/// use hookwire::store::sql::{RollupFold, settled_column};
/// # let at = Timestamp::from_secs(60);
/// # let lease = Lease { delivery: DeliveryId::generate(at), fence: 1 };
/// # let event = NewEvent::json("invoice.paid", &1042)?.seal(at);
/// # let leased = Leased::new(lease, LaneId::from(EndpointId::generate(at)), event.into(), at);
/// # let settlement = Settlement::of(&leased, Decision::Delivered, at);
///
/// let mut fold = RollupFold::default();
/// assert!(fold.add(&settled_column(&settlement)));
/// assert_eq!(fold.lanes().collect::<Vec<_>>(), [settlement.lane]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn settled_column(settlement: &Settlement) -> Vec<u8> {
    let mut notes = Vec::with_capacity(32);
    note_settlement(&mut notes, settlement);
    notes
}

/// Appends the note of a settlement. This is part of every settlement, so it writes the numbers without a rollup.
pub(in crate::store) fn note_settlement(notes: &mut Vec<u8>, settlement: &Settlement) {
    let mut push = |bytes: &[u8]| {
        notes.push(u8::try_from(bytes.len()).unwrap_or(u8::MAX));
        notes.extend_from_slice(bytes);
    };
    match settlement.lane {
        LaneId::Endpoint(id) => push(id.as_bytes()),
        lane @ LaneId::Queue(_) => push(&lane_column(lane)),
    }
    notes.extend_from_slice(&RollupStep::Minute.start(settlement.at).as_micros().to_be_bytes());
    let length = notes.len();
    notes.push(0);
    for place in Rollup::places(settlement) {
        notes.extend_from_slice(&[place, 1]);
    }
    for (place, number) in failure_numbers(settlement).into_iter().flatten() {
        push_number(notes, place, number);
    }
    let written = notes.len() - length - 1;
    if let Some(count) = notes.get_mut(length) {
        *count = u8::try_from(written).unwrap_or(u8::MAX);
    }
}

/// The numbers of a rollup as binary column: for each number except zeros, its place and its value in groups of 7 bits, the lowest first.
#[must_use]
pub fn rollup_column(rollup: &Rollup) -> Vec<u8> {
    let mut column = Vec::with_capacity(12);
    for (place, number) in (0_u8..).zip(rollup.counters()).filter(|(_, number)| *number > 0) {
        push_number(&mut column, place, number);
    }
    column
}

fn push_number(column: &mut Vec<u8>, place: u8, mut number: u64) {
    column.push(place);
    while number > 0x7f {
        column.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    column.push(number.to_le_bytes()[0]);
}

/// The rollup that begins at `at`, from its [column](rollup_column). Returns `None` if the column is invalid. Numbers at places that this
/// version does not know are left out.
///
/// ```
/// use hookwire::clock::Timestamp;
/// use hookwire::store::Rollup;
/// use hookwire::store::sql::{restore_rollup, rollup_column};
///
/// let mut rollup = Rollup::starting(Timestamp::from_secs(60));
/// (rollup.delivered, rollup.durations[3]) = (1_000, 7);
/// assert_eq!(restore_rollup(rollup.at, &rollup_column(&rollup)), Some(rollup));
/// assert_eq!(restore_rollup(Timestamp::EPOCH, &[0, 0x80]), None);
/// ```
#[must_use]
pub fn restore_rollup(at: Timestamp, column: &[u8]) -> Option<Rollup> {
    restore_numbers(column).map(|numbers| rollup_of(at, &numbers))
}

/// The number at each place of a column; 0 at places that the column leaves out.
fn restore_numbers(column: &[u8]) -> Option<[u64; 64]> {
    let mut numbers = [0; 64];
    let mut bytes = column.iter();
    while let Some(place) = bytes.next() {
        let mut number = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = *bytes.next()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        *numbers.get_mut(usize::from(*place))? = number;
    }
    Some(numbers)
}

fn rollup_of(at: Timestamp, numbers: &[u64]) -> Rollup {
    let mut rollup = Rollup::starting(at);
    for (counter, number) in rollup.counters_mut().into_iter().zip(numbers) {
        *counter = *number;
    }
    rollup
}

/// A group of rollups as binary column: a lane is its [`lane_column`] after `l`, a tenant is its name after `t`, and all deliveries are `s`
/// (sent) or `r` (received).
#[must_use]
pub fn rollup_group_column(group: &RollupGroup) -> Vec<u8> {
    match group {
        RollupGroup::All(Work::Sent) => b"s".to_vec(),
        RollupGroup::All(Work::Received) => b"r".to_vec(),
        RollupGroup::Tenant(tenant) => [b"t", tenant.as_str().as_bytes()].concat(),
        RollupGroup::Lane(lane) => [b"l".as_slice(), &lane_column(*lane)].concat(),
    }
}

/// The number of a step.
#[must_use]
pub const fn rollup_step_column(step: RollupStep) -> i16 {
    match step {
        RollupStep::Minute => 0,
        RollupStep::Hour => 1,
    }
}

/// Counts the [notes](settled_column) of settlements.
#[derive(Debug, Default)]
pub struct RollupFold {
    minutes: HashMap<(LaneId, Timestamp), Rollup>,
    failures: FailureFold,
}

/// What a [`RollupFold`] has counted, by step, time and group. A store adds these to the rollups that it has.
pub type Folded = BTreeMap<(RollupStep, Timestamp, RollupGroup), Rollup>;

impl RollupFold {
    /// Counts the notes in a column. Returns false if a note is invalid; the notes before it are counted.
    pub fn add(&mut self, mut notes: &[u8]) -> bool {
        while !notes.is_empty() {
            let Some(rest) = self.add_first(notes) else { return false };
            notes = rest;
        }
        true
    }

    /// Counts the first of these notes. Returns the others.
    fn add_first<'a>(&mut self, notes: &'a [u8]) -> Option<&'a [u8]> {
        let (lane, rest) = counted(notes)?;
        let (minute, rest) = rest.split_first_chunk()?;
        let (numbers, rest) = counted(rest)?;
        let at = Timestamp::from_micros(i64::from_be_bytes(*minute));
        let (lane, numbers) = (restore_lane(lane)?, restore_numbers(numbers)?);
        self.minutes.entry((lane, at)).or_insert_with(|| Rollup::starting(at)).merge(&rollup_of(at, &numbers));
        self.failures.add(lane, at, &numbers);
        Some(rest)
    }

    /// The lanes of the settlements, each once.
    pub fn lanes(&self) -> impl Iterator<Item = LaneId> {
        self.minutes.keys().map(|(lane, _)| *lane).collect::<BTreeSet<_>>().into_iter()
    }

    /// Returns the failures of each endpoint in each hour. `tenants` are the tenants of the endpoints that are stored.
    #[must_use]
    pub fn failures(&self, tenants: &HashMap<EndpointId, Tenant>) -> FoldedFailures {
        self.failures.groups(tenants)
    }

    /// Returns what was counted, for each lane, for each tenant and for each kind of work. `tenants` are the tenants of the endpoints that
    /// are stored.
    #[must_use]
    pub fn finish(self, tenants: &HashMap<EndpointId, Tenant>) -> Folded {
        let mut folded = Folded::new();
        for ((lane, minute), rollup) in self.minutes {
            let tenant = lane.endpoint().and_then(|id| tenants.get(&id)).cloned().map(RollupGroup::Tenant);
            let groups = [RollupGroup::Lane(lane), RollupGroup::All(lane.work())].into_iter().chain(tenant);
            for group in groups {
                for step in [RollupStep::Minute, RollupStep::Hour] {
                    let at = step.start(minute);
                    folded.entry((step, at, group.clone())).or_insert_with(|| Rollup::starting(at)).merge(&rollup);
                }
            }
        }
        folded
    }
}

/// The bytes after a byte that contains their number, and the rest.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{Attempt, Lease};
    use crate::id::DeliveryId;
    use crate::outcome::Outcome;
    use crate::retry::{Decision, FailReason};
    use crate::store::{FailureGroup, FailureKind};

    fn settlement(lane: LaneId, decision: Decision, attempt: Option<Attempt>) -> Settlement {
        let lease = Lease { delivery: DeliveryId::generate(Timestamp::EPOCH), fence: 1 };
        Settlement { lease, lane, ordered: false, attempt, decision, paused_until: None, at: Timestamp::from_secs(61) }
    }

    #[test]
    fn notes_count_as_the_settlements_do() {
        let lanes = [LaneId::from(EndpointId::generate(Timestamp::EPOCH)), LaneId::Queue("orders".parse().unwrap())];
        let made = |outcome, secs| Attempt::new(1, Timestamp::EPOCH, std::time::Duration::from_secs(secs), outcome);
        let fail = Decision::Fail { reason: FailReason::Exhausted };
        for lane in lanes {
            let all = [
                settlement(lane, Decision::Delivered, Some(made(Outcome::Status(204), 0))),
                settlement(lane, fail, Some(made(Outcome::Timeout, 99))),
                settlement(lane, fail, None),
                settlement(lane, Decision::retry(Timestamp::EPOCH), Some(made(Outcome::Dns, 1))),
            ];
            let notes: Vec<_> = all.iter().flat_map(settled_column).collect();
            let mut expected = Rollup::starting(Timestamp::from_secs(60));
            all.iter().for_each(|one| expected.record(one));
            assert_eq!((expected.delivered, expected.failed, expected.attempts()), (1, 2, 3));
            let mut fold = RollupFold::default();
            assert!(fold.add(&notes));
            let folded = fold.finish(&HashMap::new());
            let key = (RollupStep::Minute, Timestamp::from_secs(60), RollupGroup::Lane(lane));
            assert_eq!(folded.get(&key), Some(&expected));
            assert_eq!(folded.len(), 4, "the lane and all, by minute and hour");
        }
    }

    #[test]
    fn a_note_has_the_failure_of_a_delivery_that_was_given_up() {
        let endpoint = EndpointId::generate(Timestamp::EPOCH);
        let fail = Decision::Fail { reason: FailReason::Superseded };
        let attempt = Attempt::new(1, Timestamp::EPOCH, std::time::Duration::ZERO, Outcome::Status(599));
        let attempt = attempt.with_excerpt(Some("no customer 17".into()));
        let mut ends = [
            settlement(endpoint.into(), fail, Some(attempt.clone())),
            settlement(endpoint.into(), fail, None),
            settlement(endpoint.into(), Decision::retry(Timestamp::EPOCH), Some(attempt.clone())),
            settlement(LaneId::Queue("orders".parse().unwrap()), fail, Some(attempt)),
        ];
        for (one, micros) in ends.iter_mut().zip([3_719_999_999, 3_660_000_001, 0, 0]) {
            one.at = Timestamp::from_micros(micros);
        }
        let mut fold = RollupFold::default();
        assert!(fold.add(&ends.iter().flat_map(settled_column).collect::<Vec<_>>()));
        let tenants = HashMap::from([(endpoint, Tenant::from("acme"))]);
        let mut folded = fold.failures(&tenants);
        let mut found = folded.remove(&(Timestamp::from_secs(3_600), endpoint)).unwrap();
        assert!(folded.is_empty());
        found.sort_by_key(|group| std::cmp::Reverse(group.last));
        let expected = ends.iter().take(2).map(|end| {
            let kind = FailureKind::of(end).unwrap();
            let group = FailureGroup::of(endpoint, kind, end.lease.delivery, end.at);
            FailureGroup { tenant: Some("acme".into()), ..group }
        });
        assert_eq!(found, expected.collect::<Vec<_>>());
    }

    #[test]
    fn a_note_of_an_earlier_version_counts_and_has_no_failure() {
        let endpoint = EndpointId::generate(Timestamp::EPOCH);
        let minute = 60_000_000_i64.to_be_bytes();
        // One delivery that failed finally, after an attempt with status 500 that took up to 10 ms.
        let note = [&[16], endpoint.as_bytes().as_slice(), &minute, &[6, 1, 1, 4, 1, 8, 1]].concat();
        let mut fold = RollupFold::default();
        assert!(fold.add(&note));
        assert!(fold.failures(&HashMap::new()).is_empty());
        let key = (RollupStep::Minute, Timestamp::from_secs(60), RollupGroup::Lane(endpoint.into()));
        let folded = fold.finish(&HashMap::new());
        assert_eq!(folded.get(&key).map(|rollup| (rollup.failed, rollup.server_errors)), Some((1, 1)));
    }

    #[test]
    fn an_invalid_note_is_reported_and_the_notes_before_it_are_counted() {
        let lane = LaneId::from(EndpointId::generate(Timestamp::EPOCH));
        let note = settled_column(&settlement(lane, Decision::Delivered, None));
        for end in 1..note.len() {
            let mut fold = RollupFold::default();
            assert!(!fold.add(&[note.as_slice(), &note[..end]].concat()), "{end}");
            assert_eq!(fold.finish(&HashMap::new()).values().map(|one| one.delivered).max(), Some(1));
        }
    }

    #[test]
    fn large_numbers_read_back_and_unknown_places_are_left_out() {
        let mut rollup = Rollup::default();
        (rollup.delivered, rollup.other, rollup.durations[11]) = (u64::MAX, 1 << 35, 127);
        let column = rollup_column(&rollup);
        assert_eq!(restore_rollup(rollup.at, &column), Some(rollup.clone()));
        assert_eq!(restore_rollup(rollup.at, &[column.as_slice(), &[60, 9]].concat()), Some(rollup));
        assert_eq!(restore_rollup(Timestamp::EPOCH, &[200, 1]), None);
    }
}
