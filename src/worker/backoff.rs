//! Delays between calls of a store that fails.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(5);

/// The delay after `delay`: it doubles each time, up to the longest delay.
pub(super) fn next_delay(delay: Option<Duration>) -> Duration {
    delay.map_or(FIRST, |delay| (delay * 2).min(LONGEST))
}
