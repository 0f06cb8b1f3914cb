//! A random fraction, for jitter.

use super::fill;

/// A random number from 0 to 1. Not for key material. 0 if the operating system returns no random bytes.
pub(crate) fn fraction() -> f64 {
    let mut bytes = [0; 4];
    let _stays_zero_without_randomness = fill(&mut bytes);
    f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX)
}
