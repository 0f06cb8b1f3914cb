//! How long to wait between attempts: pure functions of the attempt and a seed.

use std::fmt;
use std::time::Duration;

/// Waiting times, by number.
///
/// 1. `delay` MUST be pure: equal arguments, equal answer, also after a restart.
/// 2. Once it has answered `None` it MUST answer `None` for every higher number.
pub trait Delays: fmt::Debug + Send + Sync + 'static {
    /// How long to wait before retry number `retry`, counted from 1; `None` when there is none. `seed` is constant for one
    /// delivery and different between deliveries: jitter comes from it.
    fn delay(&self, retry: u32, seed: u64) -> Option<Duration>;
}

/// Spreads a delay over 90 % to 110 % of itself, so that deliveries that failed together do not return together.
/// Deterministic in `(retry, seed)`.
pub(super) fn jitter(delay: Duration, retry: u32, seed: u64) -> Duration {
    // SplitMix64's finaliser: every bit of the input reaches every bit of the output.
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
