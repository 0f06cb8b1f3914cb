//! Development mode: what a sender allows on the machine of a developer.

use std::time::Duration;

use super::config_error::SenderConfigError;
use super::egress::EgressPolicy;
use crate::retry::{Policy, Schedule};

/// Whether the sender is for development.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Development {
    pub(super) requested: Option<For>,
    pub(super) in_release: bool,
}

/// What development mode is for: it decides how soon a failed attempt is retried.
#[derive(Clone, Copy, Debug)]
pub(super) enum For {
    /// A person who watches: within seconds.
    Person,
    /// A test that waits: within milliseconds.
    Test,
}

impl Development {
    /// Refuses development mode in a release build, unless it was allowed there as well.
    pub(super) fn check(self, is_release: bool) -> Result<(), SenderConfigError> {
        if self.requested.is_none() {
            return Ok(());
        }
        if is_release && !self.in_release {
            return Err(SenderConfigError::Development);
        }
        tracing::warn!("development mode: requests may go over plain http and to this machine");
        Ok(())
    }

    /// The egress policy with what development needs.
    pub(super) const fn egress(self, policy: EgressPolicy) -> EgressPolicy {
        if self.requested.is_some() {
            policy.dangerous_allow_http().dangerous_allow_loopback().dangerous_allow_own_addresses()
        } else {
            policy
        }
    }

    /// The retry policy where the application has not set one.
    pub(super) fn retry(self) -> Policy {
        let delays = match self.requested {
            None => return Policy::default(),
            Some(For::Person) => [1, 2, 5, 10, 30].map(Duration::from_secs),
            Some(For::Test) => [1, 2, 5, 10, 30].map(Duration::from_millis),
        };
        Policy::new(delays.into_iter().collect::<Schedule>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_build_needs_the_second_call() {
        let refused = |requested: bool, in_release, is_release| {
            Development { requested: requested.then_some(For::Test), in_release }.check(is_release).is_err()
        };
        assert!(refused(true, false, true));
        assert!(!refused(true, true, true) && !refused(true, false, false));
        assert!(!refused(false, false, true) && !refused(false, true, true));
    }
}
