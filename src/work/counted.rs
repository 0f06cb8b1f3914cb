//! Work is counted in bytes that were read, parsed or hashed, on each thread by itself.

use std::cell::Cell;

thread_local! {
    static TOTAL: Cell<u64> = const { Cell::new(0) };
}

/// Counts so many bytes.
pub(crate) fn spent(bytes: usize) {
    TOTAL.with(|total| total.set(total.get().wrapping_add(u64::try_from(bytes).unwrap_or(u64::MAX))));
}

/// The bytes that were counted on this thread so far.
#[must_use]
pub fn total() -> u64 {
    TOTAL.with(Cell::get)
}
