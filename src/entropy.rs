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

/// Somewhere from 0 to 1. Not for key material.
#[must_use]
pub fn fraction() -> f64 {
    let mut bytes = [0; 4];
    let _zero_when_there_is_no_chance = fill(&mut bytes);
    f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX)
}

/// The operating system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoEntropy;

/// A UUIDv7 (RFC 9562 section 5.7): sorts by `now`, and within one process and millisecond in the order of making: the 42
/// bits after the time count the ids of this process from a random start (section 6.2, method 1). The last 32 bits are the
/// operating system's.
///
/// Without randomness the id is still unique in this process, by its place in the order.
#[must_use]
pub fn uuid_v7(now: Timestamp) -> Uuid {
    static IDS: Mutex<Ids> = Mutex::new(Ids::new());
    let (order, chance) = IDS.lock().unwrap_or_else(PoisonError::into_inner).next();
    // Twelve bits stand beside the version, thirty beside the variant; the builder writes over the rest.
    let [.., a, b] = (order >> 30).to_be_bytes();
    let [.., c, d, e, f] = (order & 0x3fff_ffff).to_be_bytes();
    let [g, h, i, j] = chance;
    let millis = u64::try_from(now.as_millis()).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &[a, b, c, d, e, f, g, h, i, j]).into_uuid()
}

/// Random bytes for this many ids are asked for at once: a system call costs more than an id.
const STOCK: usize = 64;

struct Ids {
    order: Option<u64>,
    stock: [[u8; 4]; STOCK],
    left: usize,
}

impl Ids {
    const fn new() -> Self {
        Self { order: None, stock: [[0; 4]; STOCK], left: 0 }
    }

    /// The place in the order, and chance. The start leaves room for 2^41 ids.
    fn next(&mut self) -> (u64, [u8; 4]) {
        let order = self.order.map_or_else(random_start, |order| order + 1);
        self.order = Some(order);
        (order, self.chance())
    }

    fn chance(&mut self) -> [u8; 4] {
        if self.left == 0 {
            let _old_bytes_serve_when_there_are_no_new_ones = fill(self.stock.as_flattened_mut());
            self.left = STOCK;
        }
        self.left -= 1;
        self.stock.get(self.left).copied().unwrap_or_default()
    }
}

/// Two processes hardly ever count from the same place.
fn random_start() -> u64 {
    let mut bytes = [0; 8];
    let _zero_when_there_is_no_chance = fill(&mut bytes);
    u64::from_be_bytes(bytes) >> 23
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    #[test]
    fn ids_of_one_instant_sort_in_the_order_of_making_whatever_is_made_in_between() {
        let ids: Vec<_> = (0..10_000)
            .map(|_| {
                let _another = uuid_v7(Timestamp::EPOCH);
                uuid_v7(NOW)
            })
            .collect();
        assert!(ids.is_sorted());
        assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), ids.len());
    }

    #[test]
    fn ids_carry_their_time_version_and_chance() {
        let (first, second) = (uuid_v7(NOW), uuid_v7(NOW + std::time::Duration::from_millis(1)));
        assert_eq!((first.get_version_num(), first.get_variant()), (7, uuid::Variant::RFC4122));
        let millis = |id: &Uuid| id.as_u128() >> 80;
        assert_eq!((millis(&first), millis(&second)), (1_700_000_000_000, 1_700_000_000_001));
        assert_ne!(first.as_bytes()[12..], second.as_bytes()[12..]);
    }

    #[test]
    fn two_processes_count_from_different_places() {
        assert_ne!(Ids::new().next().0, Ids::new().next().0);
        assert!(random_start() < 1 << 41);
    }
}
