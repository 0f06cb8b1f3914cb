//! The one comparison of signatures and tokens in the crate.

use subtle::{Choice, ConstantTimeEq};

/// Whether `presented` is `expected`, in time that depends on the lengths only.
pub(crate) fn equal(expected: &[u8], presented: &[u8]) -> Choice {
    expected.ct_eq(presented)
}

/// The same for texts, where one of them is the only one.
pub(crate) fn same(expected: &str, presented: &str) -> bool {
    equal(expected.as_bytes(), presented.as_bytes()).into()
}
