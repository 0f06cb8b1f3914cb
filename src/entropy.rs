//! Randomness: the only file that asks the operating system for random bytes.

#[cfg(feature = "postgres")]
mod fraction;

use std::sync::{Mutex, PoisonError};

use uuid::{Builder, Uuid};

#[cfg(feature = "postgres")]
pub(crate) use self::fraction::fraction;
use crate::clock::Timestamp;

/// Fills `bytes` from the operating system's generator. Use it for key material: it fails without random bytes, so no weak key is made.
#[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), NoEntropy> {
    getrandom::fill(bytes).map_err(|_| NoEntropy)
}

/// The operating system returned no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system returned no random bytes")]
pub(crate) struct NoEntropy;

/// A UUIDv7 (RFC 9562 section 5.7). It sorts by `now`, and within one process and one millisecond in the order of creation:
/// the 42 bits after the time are a counter of this process with a random start (section 6.2, method 1). The last 32 bits are
/// random.
///
/// Without randomness the id is still unique in this process, because of the counter.
pub(crate) fn uuid_v7(now: Timestamp) -> Uuid {
    static IDS: Mutex<Ids> = Mutex::new(Ids::new());
    let (counter, random) = IDS.lock().unwrap_or_else(PoisonError::into_inner).next();
    // Twelve bits of the counter follow the version, thirty follow the variant. The builder overwrites both markers.
    let [.., a, b] = (counter >> 30).to_be_bytes();
    let [.., c, d, e, f] = (counter & 0x3fff_ffff).to_be_bytes();
    let [g, h, i, j] = random;
    let millis = u64::try_from(now.as_millis()).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &[a, b, c, d, e, f, g, h, i, j]).into_uuid()
}

/// The number of ids for which random bytes are read at once: a system call costs more than an id.
const STOCK: usize = 64;

struct Ids {
    counter: Option<u64>,
    stock: [[u8; 4]; STOCK],
    left: usize,
}

impl Ids {
    const fn new() -> Self {
        Self { counter: None, stock: [[0; 4]; STOCK], left: 0 }
    }

    /// The next counter and random bytes. The random start leaves room for 2^41 ids.
    fn next(&mut self) -> (u64, [u8; 4]) {
        let counter = self.counter.map_or_else(random_start, |counter| counter + 1);
        self.counter = Some(counter);
        (counter, self.random())
    }

    fn random(&mut self) -> [u8; 4] {
        if self.left == 0 {
            let _old_bytes_stay_without_randomness = fill(self.stock.as_flattened_mut());
            self.left = STOCK;
        }
        self.left -= 1;
        self.stock.get(self.left).copied().unwrap_or_default()
    }
}

/// A random start below 2^41, so that two processes hardly ever count from the same number.
fn random_start() -> u64 {
    let mut bytes = [0; 8];
    let _stays_zero_without_randomness = fill(&mut bytes);
    u64::from_be_bytes(bytes) >> 23
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    #[test]
    fn ids_of_one_instant_sort_in_the_order_of_creation() {
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
    fn an_id_holds_its_time_version_and_random_bytes() {
        let (first, second) = (uuid_v7(NOW), uuid_v7(NOW + std::time::Duration::from_millis(1)));
        assert_eq!((first.get_version_num(), first.get_variant()), (7, uuid::Variant::RFC4122));
        let millis = |id: &Uuid| id.as_u128() >> 80;
        assert_eq!((millis(&first), millis(&second)), (1_700_000_000_000, 1_700_000_000_001));
        assert_ne!(first.as_bytes()[12..], second.as_bytes()[12..]);
    }

    #[test]
    fn two_processes_count_from_different_numbers() {
        assert_ne!(Ids::new().next().0, Ids::new().next().0);
        assert!(random_start() < 1 << 41);
    }
}
