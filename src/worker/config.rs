//! How a worker behaves, checked when it is built.

use std::time::Duration;

/// How a worker behaves.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `in_flight` | 256 | attempts at the same time, over all lanes |
/// | `leases` | 4,096 | deliveries leased at the same time: in flight, ready to start, waiting to be settled |
/// | `lease` | 60 s | how long a claim lasts; extended while it is needed. A crash delays a delivery by this much |
/// | `poll` | 1 s | how often the store is asked for work that nobody announced: another process's, or an `INSERT` |
/// | `tend` | 25 ms | how often events that others have written into the store's database are looked for |
/// | `grace` | 30 s | how long a stopping worker waits for attempts in flight; it stops a second later in any case |
/// | `retention` | 30 days | how long finished deliveries and their attempts are kept; `None`: for ever |
/// | `payloads` | `None` | how long the payloads of finished events are kept; `None`: as long as the events |
/// | `keys` | 30 days | how long the ids of events stay taken; at least as long as the events are there |
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "made by the application with struct update syntax")]
pub struct Config {
    /// Attempts at the same time, over all lanes.
    pub in_flight: u32,
    /// Deliveries leased at the same time.
    pub leases: u32,
    /// How long a claim lasts.
    pub lease: Duration,
    /// How often the store is asked for work that nobody announced.
    pub poll: Duration,
    /// How often events that others have written are looked for.
    pub tend: Duration,
    /// How long a stopping worker waits for attempts in flight.
    pub grace: Duration,
    /// How long finished work is kept.
    pub retention: Option<Duration>,
    /// How long the payloads of finished events are kept.
    pub payloads: Option<Duration>,
    /// How long the ids of events stay taken.
    pub keys: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            in_flight: 256,
            leases: 4_096,
            lease: Duration::from_secs(60),
            poll: Duration::from_secs(1),
            tend: Duration::from_millis(25),
            grace: Duration::from_secs(30),
            retention: Some(Duration::from_secs(30 * 24 * 60 * 60)),
            payloads: None,
            keys: Duration::from_secs(30 * 24 * 60 * 60),
        }
    }
}

/// A worker cannot behave so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No attempt could ever start.
    #[error("in_flight: must be at least 1")]
    InFlight,
    /// Fewer leases than attempts.
    #[error("leases: must be at least in_flight")]
    Leases,
    /// A lease could end during an attempt.
    #[error("lease: {lease:?} must be at least twice the longest attempt, {attempt:?}")]
    Lease {
        /// The lease asked for.
        lease: Duration,
        /// How long one attempt may take.
        attempt: Duration,
    },
    /// The worker would spin.
    #[error("poll: must be at least 10 ms")]
    Poll,
    /// The worker would spin.
    #[error("tend: must be at least 1 ms")]
    Tend,
}

impl Config {
    /// Checks the settings against the longest time that one attempt may take.
    ///
    /// # Errors
    /// Names the setting that does not fit.
    pub fn check(&self, attempt: Duration) -> Result<(), ConfigError> {
        if self.in_flight == 0 {
            Err(ConfigError::InFlight)
        } else if self.leases < self.in_flight {
            Err(ConfigError::Leases)
        } else if self.lease < attempt.saturating_mul(2) {
            Err(ConfigError::Lease { lease: self.lease, attempt })
        } else if self.poll < Duration::from_millis(10) {
            Err(ConfigError::Poll)
        } else if self.tend < Duration::from_millis(1) {
            Err(ConfigError::Tend)
        } else {
            Ok(())
        }
    }

    pub(super) const fn limits(&self) -> Limits {
        Limits { in_flight: self.in_flight, leases: self.leases }
    }
}

/// The part of the settings that the lanes obey.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) in_flight: u32,
    pub(super) leases: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_shorter_than_two_attempts_is_refused() {
        let config = Config::default();
        assert_eq!(config.check(Duration::from_secs(30)), Ok(()));
        assert!(matches!(config.check(Duration::from_secs(31)), Err(ConfigError::Lease { .. })));
    }

    #[test]
    fn settings_that_stop_or_spin_are_refused() {
        let with = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.check(Duration::ZERO)
        };
        assert_eq!(with(|c| c.in_flight = 0), Err(ConfigError::InFlight));
        assert_eq!(with(|c| c.leases = 1), Err(ConfigError::Leases));
        assert_eq!(with(|c| c.poll = Duration::ZERO), Err(ConfigError::Poll));
        assert_eq!(with(|c| c.tend = Duration::ZERO), Err(ConfigError::Tend));
    }
}
