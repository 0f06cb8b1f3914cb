//! The clocks of the operating system: the only file that asks for the time.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use super::{Clock, Timestamp};

/// The clocks of the operating system.
///
/// ```
/// use hookwire::clock::{Clock, SystemClock, Timestamp};
///
/// assert!(SystemClock.now() > Timestamp::EPOCH);
/// assert!(SystemClock.uptime() <= SystemClock.uptime());
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has no settings")]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    fn uptime(&self) -> Duration {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        ORIGIN.get_or_init(Instant::now).elapsed()
    }
}
