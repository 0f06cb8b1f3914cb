//! Metrics of attempts and lanes.

use std::collections::HashMap;
use std::time::Duration;

use metrics::{counter, gauge, histogram};

use crate::clock::Timestamp;
use crate::id::{Tenant, Work};
use crate::outcome::Outcome;

/// Counts an attempt that has ended.
pub(crate) fn attempt(work: Work, outcome: Outcome, took: Duration) {
    let class = match outcome {
        Outcome::Status(code) => match code / 100 {
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            5 => "5xx",
            _ => "other",
        },
        other => other.class(),
    };
    match work {
        Work::Sent => {
            counter!("hookwire_attempts_total", "outcome" => class).increment(1);
            histogram!("hookwire_attempt_duration_seconds", "outcome" => class).record(took.as_secs_f64());
        }
        Work::Received => {
            counter!("hookwire_jobs_total", "outcome" => class).increment(1);
            histogram!("hookwire_job_duration_seconds", "outcome" => class).record(took.as_secs_f64());
        }
    }
}

/// Records the time from the creation of a delivery to its first attempt.
pub(crate) fn first_attempt(work: Work, after: Duration) {
    match work {
        Work::Sent => histogram!("hookwire_dispatch_to_attempt_seconds").record(after.as_secs_f64()),
        Work::Received => histogram!("hookwire_receipt_to_job_seconds").record(after.as_secs_f64()),
    }
}

/// Counts a delivery that is given up.
pub(crate) fn given_up(work: Work, reason: &'static str) {
    match work {
        Work::Sent => counter!("hookwire_deliveries_given_up_total", "reason" => reason).increment(1),
        Work::Received => counter!("hookwire_jobs_given_up_total", "reason" => reason).increment(1),
    }
}

/// Counts a lost lease.
pub(crate) fn lease_lost() {
    counter!("hookwire_leases_lost_total").increment(1);
}

/// Sets the number of live workers.
pub(crate) fn workers_alive(work: Work, count: u32) {
    match work {
        Work::Sent => gauge!("hookwire_workers_alive").set(count),
        Work::Received => gauge!("hookwire_inbox_workers_alive").set(count),
    }
}

/// Sets the number of failing lanes.
pub(crate) fn lanes_failing(work: Work, count: usize) {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    match work {
        Work::Sent => gauge!("hookwire_lanes_failing").set(count),
        Work::Received => gauge!("hookwire_queues_failing").set(count),
    }
}

/// The number of tenants with a label of their own; all others share one.
const MAX_TENANTS: usize = 100;

/// How long the oldest due delivery of each tenant has been waiting.
#[derive(Debug)]
pub(crate) struct Oldest {
    /// Every tenant with a label. Its gauge is set to zero when it has no overdue delivery.
    tenants: HashMap<String, Duration>,
    work: Work,
}

impl Oldest {
    /// Creates the gauges of this kind of work, without tenants.
    #[must_use]
    pub(crate) fn of(work: Work) -> Self {
        Self { tenants: HashMap::new(), work }
    }

    /// Sets the gauges. `overdue` returns the due times of overdue deliveries, and the current time.
    pub(crate) fn record(&mut self, overdue: impl FnOnce() -> (Vec<(Option<Tenant>, Timestamp)>, Timestamp)) {
        self.tenants.values_mut().for_each(|age| *age = Duration::ZERO);
        let (overdue, now) = overdue();
        for (tenant, since) in overdue {
            let name = tenant.as_ref().map_or("", Tenant::as_str);
            let has_label = self.tenants.contains_key(name) || self.tenants.len() < MAX_TENANTS;
            let age = self.tenants.entry(if has_label { name } else { "(others)" }.to_owned()).or_default();
            *age = now.since(since).max(*age);
        }
        for (tenant, age) in &self.tenants {
            match self.work {
                Work::Sent => gauge!("hookwire_oldest_due_seconds", "tenant" => tenant.clone()).set(age.as_secs_f64()),
                // Queues have no tenant, so there is one entry.
                Work::Received => gauge!("hookwire_oldest_job_seconds").set(age.as_secs_f64()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_labels_is_bounded_and_each_has_its_oldest_delivery() {
        let mut oldest = Oldest::of(Work::Sent);
        let due = |name: String, at| (Some(Tenant::from(name.as_str())), Timestamp::from_secs(at));
        let now = Timestamp::from_secs(100);
        oldest.record(|| (vec![due("acme".into(), 70), due("acme".into(), 40), (None, Timestamp::from_secs(99))], now));
        let age = |oldest: &Oldest, name: &str| oldest.tenants[name].as_secs();
        assert_eq!((age(&oldest, "acme"), age(&oldest, "")), (60, 1));
        oldest.record(|| ((0..500).map(|it| due(format!("t-{it}"), 90)).collect(), now));
        assert_eq!((age(&oldest, "acme"), age(&oldest, "(others)")), (0, 10), "acme is no longer overdue");
        assert_eq!(oldest.tenants.len(), MAX_TENANTS + 1);
    }
}
