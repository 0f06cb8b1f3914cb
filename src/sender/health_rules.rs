//! The rules that decide when a failing endpoint is reported, slowed down and disabled.

use std::time::Duration;

use crate::endpoint::Health;

/// How long all attempts at an endpoint may fail before a notice is sent, before the endpoint is slowed down, and before it is disabled.
/// `None` switches a rule off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HealthRules {
    /// After this time the sender sends a notice. Default 1 h.
    pub(super) warn_after: Option<Duration>,
    /// After this time the endpoint gets one attempt a minute. Default 24 h.
    pub(super) slow_after: Option<Duration>,
    /// After this time the endpoint is disabled and its deliveries are held. Default 5 days.
    pub(super) disable_after: Option<Duration>,
    /// The shortest time between the first and the last failure of an endpoint before it may be disabled, whatever the other rules are. So
    /// one bad hour does not disable an endpoint. Default 12 h.
    pub(super) spread: Duration,
}

impl Default for HealthRules {
    fn default() -> Self {
        let hours = |hours: u64| Duration::from_secs(hours * 60 * 60);
        Self {
            warn_after: Some(hours(1)),
            slow_after: Some(hours(24)),
            disable_after: Some(hours(5 * 24)),
            spread: hours(12),
        }
    }
}

/// The level that the rules give to an endpoint, the mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum HealthLevel {
    Healthy,
    Warn,
    Slow,
    Disable,
}

impl HealthRules {
    /// Applies the rules. Only another failure raises the level; time without attempts does not.
    pub(super) fn level(&self, health: &Health) -> HealthLevel {
        let (Some(since), Some(last)) = (health.failing_since, health.last_failure) else {
            return HealthLevel::Healthy;
        };
        let failing = last.since(since);
        let past = |limit: Option<Duration>| limit.is_some_and(|limit| health.failures > 1 && failing >= limit);
        if past(self.disable_after) && failing >= self.spread {
            HealthLevel::Disable
        } else if past(self.slow_after) {
            HealthLevel::Slow
        } else if past(self.warn_after) {
            HealthLevel::Warn
        } else {
            HealthLevel::Healthy
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
    const HOUR: Duration = Duration::from_secs(3_600);

    fn failing(hours: u32) -> Health {
        Health::restore(Some((NOW, NOW + HOUR * hours, 2)), None, None)
    }

    #[test]
    fn an_endpoint_that_keeps_failing_is_reported_then_slowed_then_disabled() {
        let rules = HealthRules::default();
        let levels = [0, 1, 24, 119, 120].map(|hours| rules.level(&failing(hours)));
        let expected =
            [HealthLevel::Healthy, HealthLevel::Warn, HealthLevel::Slow, HealthLevel::Slow, HealthLevel::Disable];
        assert_eq!(levels, expected);
        let never = HealthRules { disable_after: None, ..rules };
        assert_eq!(never.level(&failing(10_000)), HealthLevel::Slow);
    }

    #[test]
    fn an_endpoint_is_not_disabled_before_its_failures_spread_over_twelve_hours() {
        let rules = HealthRules { disable_after: Some(HOUR), ..HealthRules::default() };
        assert_eq!(rules.level(&failing(11)), HealthLevel::Warn);
        assert_eq!(rules.level(&failing(12)), HealthLevel::Disable);
    }
}
