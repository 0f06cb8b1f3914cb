//! The workers of one crew, and what each of them may use of a lane: parts that together are the whole.

use std::borrow::Cow;
use std::num::NonZeroU32;

use super::deliver::Terms;
use crate::endpoint::Rate;
use crate::id::{EndpointId, WorkerId};

/// Who else does this work.
#[derive(Clone, Debug)]
pub(super) struct Crowd {
    me: WorkerId,
    /// All of the crew, this one included; alone until others are known.
    all: Vec<WorkerId>,
}

impl Crowd {
    pub(super) fn alone(me: WorkerId) -> Self {
        Self { me, all: vec![me] }
    }

    pub(super) const fn me(&self) -> WorkerId {
        self.me
    }

    /// Whether it is another crew than before.
    pub(super) fn meet(&mut self, all: Vec<WorkerId>) -> bool {
        let changed = self.all != all && !all.is_empty();
        if changed {
            self.all = all;
        }
        changed
    }

    /// This worker's part of a lane's terms. Where there is less to share than there are workers, some have no part.
    pub(super) fn part<'a>(&self, lane: EndpointId, terms: &'a Terms) -> Cow<'a, Terms> {
        if self.all.len() < 2 {
            return Cow::Borrowed(terms);
        }
        let mut part = terms.clone();
        let rank = self.rank(lane);
        part.concurrency = self.share(terms.concurrency, rank);
        if let Some(rate) = terms.rate {
            part.rate = NonZeroU32::new(self.share(rate.count.get(), rank)).map(|count| Rate { count, ..rate });
            part.concurrency = if part.rate.is_some() { part.concurrency } else { 0 };
        }
        Cow::Owned(part)
    }

    fn share(&self, whole: u32, rank: u32) -> u32 {
        let workers = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        whole / workers + u32::from(rank < whole % workers)
    }

    /// This worker's place in the line for what is left over: another one in every lane, and the same for all who ask.
    fn rank(&self, lane: EndpointId) -> u32 {
        let mine = (weight(lane, self.me), self.me);
        let before = self.all.iter().filter(|other| (weight(lane, **other), **other) < mine);
        u32::try_from(before.count()).unwrap_or(u32::MAX)
    }
}

/// Spreads lanes over workers (rendezvous hashing; the mixer is that of `SplitMix64`, Steele, Lea and Flood 2014).
fn weight(lane: EndpointId, worker: WorkerId) -> u64 {
    let halves = |bytes: &[u8; 16]| {
        let all = u128::from_be_bytes(*bytes);
        u64::try_from(all >> 64).unwrap_or(0) ^ u64::try_from(all & u128::from(u64::MAX)).unwrap_or(0)
    };
    let mut z = halves(lane.as_bytes()) ^ halves(worker.as_bytes()).rotate_left(32);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Timestamp;

    fn crowds(count: u128) -> Vec<Crowd> {
        let all: Vec<_> = (0..count).map(|number| WorkerId::from_bytes(number.to_be_bytes())).collect();
        all.iter().map(|me| Crowd { me: *me, all: all.clone() }).collect()
    }

    #[test]
    fn the_parts_are_the_whole_in_every_lane() {
        for (workers, whole) in [(1, 4), (2, 4), (3, 4), (4, 4), (7, 4), (5, 1), (3, 100)] {
            for _ in 0..50 {
                let lane = EndpointId::generate(Timestamp::EPOCH);
                let terms = Terms::open(NonZeroU32::new(whole).unwrap());
                let parts: Vec<_> = crowds(workers).iter().map(|one| one.part(lane, &terms).concurrency).collect();
                assert_eq!(parts.iter().sum::<u32>(), whole, "{parts:?}");
                assert!(parts.iter().max().unwrap() - parts.iter().min().unwrap() <= 1, "{parts:?}");
            }
        }
    }

    #[test]
    fn rates_are_shared_and_who_has_no_part_of_one_starts_nothing() {
        let lane = EndpointId::generate(Timestamp::EPOCH);
        let rate = Rate { count: NonZeroU32::new(2).unwrap(), per: Duration::from_secs(1) };
        let terms = Terms::open(NonZeroU32::new(9).unwrap()).with_rate(Some(rate));
        let parts: Vec<_> = crowds(3).iter().map(|one| one.part(lane, &terms)).collect();
        let limits: Vec<_> = parts.iter().map(|part| part.rate.map_or(0, |rate| rate.count.get())).collect();
        assert_eq!(limits.iter().sum::<u32>(), 2, "{limits:?}");
        assert!(parts.iter().all(|part| part.rate.is_some() == (part.concurrency > 0)));
    }

    #[test]
    fn single_places_are_spread_over_the_workers() {
        let crowds = crowds(4);
        let terms = Terms::open(NonZeroU32::MIN);
        let lanes: Vec<_> = (0..4_000).map(|_| EndpointId::generate(Timestamp::EPOCH)).collect();
        for crowd in crowds {
            let served = lanes.iter().filter(|lane| crowd.part(**lane, &terms).concurrency == 1).count();
            assert!((700..1_300).contains(&served), "{served}");
        }
    }
}
