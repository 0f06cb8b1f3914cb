//! Chance: the only file that draws random numbers.

use uuid::{ContextV7, Uuid};

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

/// A UUIDv7 (RFC 9562 section 5.7): sorts by `now`, and within one millisecond in the order of making.
#[must_use]
pub fn uuid_v7(now: Timestamp) -> Uuid {
    static ORDER: std::sync::Mutex<ContextV7> = std::sync::Mutex::new(ContextV7::new());
    let micros = u64::try_from(now.as_micros()).unwrap_or(0);
    let (secs, nanos) = (micros / 1_000_000, u32::try_from(micros % 1_000_000).unwrap_or(0) * 1_000);
    let order = ORDER.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    Uuid::new_v7(uuid::Timestamp::from_unix(&*order, secs, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_instant_sort_in_the_order_of_making() {
        let ids: Vec<_> = (0..1_000).map(|_| uuid_v7(Timestamp::from_secs(1_700_000_000))).collect();
        assert!(ids.is_sorted());
    }
}
