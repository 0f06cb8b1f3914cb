//! Counts the bytes that were read, parsed or hashed, for each thread separately.

use std::cell::Cell;

thread_local! {
    static TOTAL: Cell<u64> = const { Cell::new(0) };
}

/// Adds this number of bytes.
pub(crate) fn spent(bytes: usize) {
    TOTAL.with(|total| total.set(total.get().wrapping_add(u64::try_from(bytes).unwrap_or(u64::MAX))));
}

/// The number of bytes that were counted on this thread.
#[must_use]
pub fn total() -> u64 {
    TOTAL.with(Cell::get)
}
