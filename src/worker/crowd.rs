//! The workers of one crew, and what each of them may use of a lane.

use std::borrow::Cow;
use std::num::NonZeroU32;

use super::deliver::Terms;
use crate::endpoint::Rate;
use crate::id::WorkerId;

/// Who does this work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crowd {
    pub(super) me: WorkerId,
    /// This one included; it is alone until it knows of others.
    pub(super) workers: NonZeroU32,
}

impl Crowd {
    pub(super) const fn alone(me: WorkerId) -> Self {
        Self { me, workers: NonZeroU32::MIN }
    }

    /// This worker's part of a lane's terms. Every worker has one, so that work which one has leased never waits for another:
    /// together they keep to the terms, save that each may have one attempt in flight, and one at once by the rate.
    pub(super) fn part<'a>(&self, terms: &'a Terms) -> Cow<'a, Terms> {
        if self.workers == NonZeroU32::MIN || terms.concurrency == 0 {
            return Cow::Borrowed(terms);
        }
        let mut part = terms.clone();
        part.concurrency = (terms.concurrency / self.workers).max(1);
        part.rate = terms.rate.map(|rate| self.part_of_rate(rate));
        Cow::Owned(part)
    }

    /// Over time the parts are the rate exactly, whatever is left over when its count is divided.
    fn part_of_rate(&self, rate: Rate) -> Rate {
        let count = NonZeroU32::new(rate.count.get() / self.workers).unwrap_or(NonZeroU32::MIN);
        let per = (rate.per / rate.count.get()).saturating_mul(self.workers.get()).saturating_mul(count.get());
        Rate { count, per }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Timestamp;

    fn crowd(workers: u32) -> Crowd {
        Crowd { me: WorkerId::generate(Timestamp::EPOCH), workers: NonZeroU32::new(workers).unwrap() }
    }

    fn open(concurrency: u32) -> Terms {
        Terms::open(NonZeroU32::new(concurrency).unwrap())
    }

    #[test]
    fn nobody_has_nothing_and_together_they_keep_to_the_whole() {
        for (workers, whole, part) in [(1, 4, 4), (2, 4, 2), (3, 4, 1), (4, 4, 1), (7, 4, 1), (5, 1, 1), (3, 100, 33)] {
            assert_eq!(crowd(workers).part(&open(whole)).concurrency, part, "{whole} among {workers}");
        }
    }

    #[test]
    fn what_is_closed_is_closed_to_all() {
        assert_eq!(*crowd(3).part(&Terms::closed()), Terms::closed());
    }

    #[test]
    fn the_parts_of_a_rate_are_the_rate_over_time() {
        for (workers, count, seconds, part) in [(2, 10, 1, 5), (3, 10, 1, 3), (4, 1, 10, 1), (7, 3, 60, 1)] {
            let rate = Rate { count: NonZeroU32::new(count).unwrap(), per: Duration::from_secs(seconds) };
            let shared = crowd(workers).part(&open(9).with_rate(Some(rate))).rate.unwrap();
            let together = f64::from(shared.count.get() * workers) / shared.per.as_secs_f64();
            let whole = f64::from(count) / rate.per.as_secs_f64();
            assert_eq!(shared.count.get(), part);
            assert!((together / whole - 1.0).abs() < 1e-6, "{together} for {whole}");
        }
    }
}
