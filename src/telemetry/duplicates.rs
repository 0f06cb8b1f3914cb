//! Metrics of duplicates.

use metrics::counter;

/// Counts an event that came twice, at `dispatch`, the `receiver` or the `inbox`.
pub(crate) fn duplicate(at: &'static str) {
    counter!("hookwire_duplicates_total", "where" => at).increment(1);
}
