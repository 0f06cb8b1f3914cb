//! The one comparison of signatures and tokens in the crate.

use subtle::{Choice, ConstantTimeEq};

/// Whether `presented` equals `expected`. The time for the comparison depends only on the lengths.
pub(crate) fn equal(expected: &[u8], presented: &[u8]) -> Choice {
    expected.ct_eq(presented)
}

/// Compares two texts like [`equal`], for a caller that makes only one comparison.
pub(crate) fn same(expected: &str, presented: &str) -> bool {
    equal(expected.as_bytes(), presented.as_bytes()).into()
}
