//! Chance: the only file that draws random numbers.

use std::sync::{Mutex, PoisonError};

use uuid::{Builder, Uuid};

use crate::clock::Timestamp;

/// Fills `bytes` from the operating system's generator. For key material.
///
/// # Errors
/// When the operating system has no randomness to give; no key may be made then.
#[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
pub fn fill(bytes: &mut [u8]) -> Result<(), NoEntropy> {
    getrandom::fill(bytes).map_err(|_| NoEntropy)
}

/// The operating system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoEntropy;

/// A UUIDv7 (RFC 9562 section 5.7): sorts by `now`, and within one process and millisecond in the order of making, which
/// takes the 12 bits after the time (section 6.2, method 1). The other 62 bits are the operating system's.
///
/// Without randomness the id is still unique in this process, by its place in the order.
#[must_use]
pub fn uuid_v7(now: Timestamp) -> Uuid {
    static IDS: Mutex<Ids> = Mutex::new(Ids::new());
    let millis = u64::try_from(now.as_millis()).unwrap_or(0);
    let (millis, order, chance) = IDS.lock().unwrap_or_else(PoisonError::into_inner).next(millis);
    let [high, low] = order.to_be_bytes();
    let [a, b, c, d, e, f, g, h] = chance;
    Builder::from_unix_timestamp_millis(millis, &[high, low, a, b, c, d, e, f, g, h]).into_uuid()
}

/// Random bytes for this many ids are asked for at once: a system call costs more than an id.
const STOCK: usize = 64;

struct Ids {
    millis: u64,
    order: u16,
    stock: [[u8; 8]; STOCK],
    left: usize,
}

impl Ids {
    const MAX_ORDER: u16 = 0x0fff;

    const fn new() -> Self {
        Self { millis: 0, order: 0, stock: [[0; 8]; STOCK], left: 0 }
    }

    /// The millisecond, the place in it, and chance. More than 4,096 ids in one millisecond borrow from the next.
    fn next(&mut self, millis: u64) -> (u64, u16, [u8; 8]) {
        if millis > self.millis || self.millis - millis > 1_000 {
            (self.millis, self.order) = (millis, 0);
        } else if self.order < Self::MAX_ORDER {
            self.order += 1;
        } else {
            (self.millis, self.order) = (self.millis + 1, 0);
        }
        (self.millis, self.order, self.chance())
    }

    fn chance(&mut self) -> [u8; 8] {
        if self.left == 0 {
            let _old_bytes_serve_when_there_are_no_new_ones = fill(self.stock.as_flattened_mut());
            self.left = STOCK;
        }
        self.left -= 1;
        self.stock.get(self.left).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    #[test]
    fn ids_of_one_instant_sort_in_the_order_of_making() {
        let mut ids = Ids::new();
        let made: Vec<_> = (0..10_000).map(|_| ids.next(1_700_000_000_000)).map(|(ms, order, _)| (ms, order)).collect();
        assert!(made.is_sorted());
        assert_eq!(made.iter().collect::<std::collections::HashSet<_>>().len(), made.len());
    }

    #[test]
    fn ids_carry_their_time_version_and_chance() {
        let (first, second) = (uuid_v7(NOW), uuid_v7(NOW));
        assert_eq!(first.get_version_num(), 7);
        assert_ne!(first.as_bytes()[8..], second.as_bytes()[8..]);
    }

    #[test]
    fn a_clock_that_was_set_back_by_a_day_is_followed() {
        let mut ids = Ids::new();
        ids.next(1_700_000_000_000);
        assert_eq!(ids.next(1_600_000_000_000).0, 1_600_000_000_000);
        assert_eq!(ids.next(1_599_999_999_500).0, 1_600_000_000_000, "a step of the clock keeps the order");
    }
}
