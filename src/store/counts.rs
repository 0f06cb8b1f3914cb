//! How many deliveries are in each state.

use crate::delivery::DeliveryState;

/// The number of deliveries in each state, from [`counts`](super::History::counts).
///
/// Each number stops at [`MOST`](Self::MOST), so that counting costs the same however much is stored.
///
/// ```
/// use hookwire::delivery::DeliveryState;
/// use hookwire::store::Counts;
///
/// let mut counts = Counts::default();
/// counts.add(DeliveryState::Failed, 7);
/// counts.add(DeliveryState::Delivered, Counts::MOST);
/// assert_eq!(counts.shown(DeliveryState::Failed), "7");
/// assert_eq!(counts.shown(DeliveryState::Delivered), "10,000+");
/// counts.delivered = 250;
/// counts.delivered_is_lower_bound = true;
/// assert_eq!(counts.shown(DeliveryState::Delivered), "250+");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the states of DeliveryState")]
pub struct Counts {
    pub pending: u64,
    pub delivered: u64,
    pub failed: u64,
    pub held: u64,
    pub cancelled: u64,
    /// Whether `delivered` may be too low: the store has no index for delivered deliveries, and has examined only a part of the deliveries.
    pub delivered_is_lower_bound: bool,
}

impl Counts {
    /// The highest value of each number. This value means this many deliveries, or more.
    pub const MOST: u64 = 10_000;

    /// Adds `count` deliveries in `state`.
    pub const fn add(&mut self, state: DeliveryState, count: u64) {
        *self.of(state) += count;
    }

    /// Subtracts one delivery in `state`.
    pub const fn take(&mut self, state: DeliveryState) {
        let sum = self.of(state);
        *sum = sum.saturating_sub(1);
    }

    /// Returns the number of deliveries in this state.
    #[must_use]
    pub const fn get(&self, state: DeliveryState) -> u64 {
        let mut counts = *self;
        *counts.of(state)
    }

    /// Returns the number of deliveries in this state as text, with a `+` if there may be more.
    #[must_use]
    pub fn shown(&self, state: DeliveryState) -> String {
        match self.get(state) {
            Self::MOST.. => "10,000+".into(),
            count if state == DeliveryState::Delivered && self.delivered_is_lower_bound => format!("{count}+"),
            count => count.to_string(),
        }
    }

    /// Returns the counts, each of which stops at [`MOST`](Self::MOST).
    #[must_use]
    pub fn capped(mut self) -> Self {
        for state in [
            DeliveryState::Pending,
            DeliveryState::Delivered,
            DeliveryState::Failed,
            DeliveryState::Held,
            DeliveryState::Cancelled,
        ] {
            let count = self.of(state);
            *count = (*count).min(Self::MOST);
        }
        self
    }

    const fn of(&mut self, state: DeliveryState) -> &mut u64 {
        match state {
            DeliveryState::Pending => &mut self.pending,
            DeliveryState::Delivered => &mut self.delivered,
            DeliveryState::Failed => &mut self.failed,
            DeliveryState::Held => &mut self.held,
            DeliveryState::Cancelled => &mut self.cancelled,
        }
    }
}
