//! Running counts, so that counting reads no delivery.

use std::collections::HashMap;

use crate::delivery::DeliveryState;
use crate::id::{LaneId, Work};
use crate::store::Counts;

/// The number of deliveries of each lane in each state, as it is stored. A lane without deliveries has no entry.
#[derive(Debug, Default)]
pub(super) struct Tally(HashMap<LaneId, Counts>);

impl Tally {
    pub(super) fn add(&mut self, lane: LaneId, state: DeliveryState) {
        self.0.entry(lane).or_default().add(state, 1);
    }

    pub(super) fn take(&mut self, lane: LaneId, state: DeliveryState) {
        let Some(counts) = self.0.get_mut(&lane) else { return };
        counts.take(state);
        if *counts == Counts::default() {
            self.0.remove(&lane);
        }
    }

    pub(super) fn change(&mut self, lane: LaneId, from: DeliveryState, to: DeliveryState) {
        let counts = self.0.entry(lane).or_default();
        counts.take(from);
        counts.add(to, 1);
    }

    /// The counts of one lane or of all lanes of a kind of work.
    pub(super) fn lanes(&self, work: Work, only: Option<LaneId>) -> impl Iterator<Item = (LaneId, Counts)> {
        let is_wanted = move |lane: &LaneId| lane.work() == work && only.is_none_or(|only| only == *lane);
        let one = only.and_then(|lane| self.0.get_key_value(&lane));
        let all = only.is_none().then(|| self.0.iter());
        one.into_iter()
            .chain(all.into_iter().flatten())
            .filter(move |(lane, _)| is_wanted(lane))
            .map(|(lane, it)| (*lane, *it))
    }
}
