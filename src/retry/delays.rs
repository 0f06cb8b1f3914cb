//! Delays between attempts: pure functions of the number of the retry and a seed.

use std::fmt;
use std::time::Duration;

/// Returns the delay before each retry.
///
/// 1. `delay` MUST be pure: it returns the same value for the same arguments, also after a restart.
/// 2. If it returns `None` for a number, it MUST return `None` for every higher number.
pub trait Delays: fmt::Debug + Send + Sync + 'static {
    /// Returns the delay before retry number `retry`, counted from 1; `None` if there is no such retry. `seed` is constant for one delivery
    /// and different for each delivery, as the source of jitter.
    fn delay(&self, retry: u32, seed: u64) -> Option<Duration>;
}

/// Changes a delay to a value between 90 % and 110 % of it, so that deliveries that failed together are not retried together. The result
/// depends only on the arguments.
pub(super) fn jitter(delay: Duration, retry: u32, seed: u64) -> Duration {
    // The finalizer of SplitMix64: every bit of the input affects every bit of the output.
    let mut bits = seed ^ u64::from(retry).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    let permille = 900 + bits % 201;
    let nanos = delay.as_nanos().saturating_mul(u128::from(permille)) / 1_000;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_a_tenth_and_differs_between_deliveries() {
        let hour = Duration::from_secs(3_600);
        let spread: Vec<_> = (0..1_000).map(|seed| jitter(hour, 3, seed)).collect();
        assert!(spread.iter().all(|delay| (hour * 9 / 10..=hour * 11 / 10).contains(delay)));
        let (least, most) = (spread.iter().min().unwrap(), spread.iter().max().unwrap());
        assert!(*most - *least > hour / 6, "the whole range is used");
        assert_eq!(jitter(Duration::ZERO, 1, 7), Duration::ZERO);
        assert!(jitter(Duration::MAX, 1, 7) > hour);
    }
}
