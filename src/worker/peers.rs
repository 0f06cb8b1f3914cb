//! The workers of one group, and each worker's part of a lane's limits.

use std::borrow::Cow;
use std::num::NonZeroU32;

use super::policy::LanePolicy;
use crate::endpoint::Rate;
use crate::id::WorkerId;

/// The live workers of this group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peers {
    /// The id of this worker.
    pub(super) me: WorkerId,
    /// How many workers are alive, this one included.
    pub(super) alive: NonZeroU32,
}

impl Peers {
    /// This worker as the only one, until a heartbeat reports others.
    pub(super) const fn alone(me: WorkerId) -> Self {
        Self { me, alive: NonZeroU32::MIN }
    }

    /// This worker's part of a lane's limits. All workers together obey the limits, except that each worker may have one attempt in flight
    /// and one token of the rate: otherwise a delivery that one worker has leased could wait for another worker.
    pub(super) fn part<'a>(&self, policy: &'a LanePolicy) -> Cow<'a, LanePolicy> {
        if self.alive == NonZeroU32::MIN || policy.concurrency == 0 {
            return Cow::Borrowed(policy);
        }
        let mut part = policy.clone();
        part.concurrency = (policy.concurrency / self.alive).max(1);
        part.rate = policy.rate.map(|rate| self.part_of_rate(rate));
        Cow::Owned(part)
    }

    /// Adjusts the period as well as the count, so that the parts add up to the rate even if the division has a remainder.
    fn part_of_rate(&self, rate: Rate) -> Rate {
        let count = NonZeroU32::new(rate.count.get() / self.alive).unwrap_or(NonZeroU32::MIN);
        let per = (rate.per / rate.count.get()).saturating_mul(self.alive.get()).saturating_mul(count.get());
        Rate { count, per }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Timestamp;

    fn peers(alive: u32) -> Peers {
        Peers { me: WorkerId::generate(Timestamp::EPOCH), alive: NonZeroU32::new(alive).unwrap() }
    }

    fn open(concurrency: u32) -> LanePolicy {
        LanePolicy::open(NonZeroU32::new(concurrency).unwrap())
    }

    #[test]
    fn every_worker_has_a_part_and_the_parts_keep_to_the_whole() {
        for (workers, whole, part) in [(1, 4, 4), (2, 4, 2), (3, 4, 1), (4, 4, 1), (7, 4, 1), (5, 1, 1), (3, 100, 33)] {
            assert_eq!(peers(workers).part(&open(whole)).concurrency, part, "{whole} among {workers}");
        }
    }

    #[test]
    fn a_closed_lane_is_closed_for_every_worker() {
        assert_eq!(*peers(3).part(&LanePolicy::closed()), LanePolicy::closed());
    }

    #[test]
    fn the_parts_of_a_rate_add_up_to_the_rate() {
        for (workers, count, seconds, part) in [(2, 10, 1, 5), (3, 10, 1, 3), (4, 1, 10, 1), (7, 3, 60, 1)] {
            let rate = Rate { count: NonZeroU32::new(count).unwrap(), per: Duration::from_secs(seconds) };
            let shared = peers(workers).part(&open(9).rate(Some(rate))).rate.unwrap();
            let together = f64::from(shared.count.get() * workers) / shared.per.as_secs_f64();
            let whole = f64::from(count) / rate.per.as_secs_f64();
            assert_eq!(shared.count.get(), part);
            assert!((together / whole - 1.0).abs() < 1e-6, "{together} for {whole}");
        }
    }
}
