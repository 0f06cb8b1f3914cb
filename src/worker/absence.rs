//! Detects that no worker is alive. Processes that store work need this, because they may have no worker of their own.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::{Interval, Timestamp};

/// How often the store is queried. An absence is reported only after it has lasted this long.
const INTERVAL: Duration = Duration::from_secs(60);

/// The results of the last queries.
#[derive(Debug)]
pub(super) struct Absence {
    questions: Interval,
    /// When the present absence was first seen; `None` if a worker was alive at the last query.
    since: Mutex<Option<Timestamp>>,
}

impl Absence {
    pub(super) const fn new() -> Self {
        Self { questions: Interval::new(INTERVAL), since: Mutex::new(None) }
    }

    /// Whether the next query is due.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.questions.is_due(now)
    }

    /// Records the number of live workers. Returns how long no worker has been alive, if that must be reported.
    pub(super) fn note(&self, alive: u32, now: Timestamp) -> Option<Duration> {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        if alive > 0 {
            *since = None;
            return None;
        }
        let absent = now.since(*since.get_or_insert(now));
        (absent >= INTERVAL).then_some(absent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absence_is_reported_after_a_minute_and_ends_when_a_worker_is_seen() {
        let absence = Absence::new();
        let seen = [(0, 100), (0, 160), (0, 220), (2, 280), (0, 340), (0, 400)];
        let absent = seen.map(|(alive, secs)| absence.note(alive, Timestamp::from_secs(secs)).map(|it| it.as_secs()));
        assert_eq!(absent, [None, Some(60), Some(120), None, None, Some(60)]);
    }
}
