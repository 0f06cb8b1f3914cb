//! With the feature: by whatever recorder the application has installed.

use std::collections::HashMap;
use std::time::Duration;

use metrics::{counter, gauge, histogram};

use crate::clock::Timestamp;
use crate::id::{Tenant, Work};
use crate::outcome::Outcome;

/// An attempt has ended.
pub fn attempt(work: Work, outcome: Outcome, took: Duration) {
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

/// A delivery is tried for the first time, so long after it was made.
pub fn first_attempt(work: Work, after: Duration) {
    match work {
        Work::Sent => histogram!("hookwire_dispatch_to_attempt_seconds").record(after.as_secs_f64()),
        Work::Received => histogram!("hookwire_receipt_to_job_seconds").record(after.as_secs_f64()),
    }
}

/// A lease was lost: an attempt may be made twice.
pub fn lease_lost() {
    counter!("hookwire_leases_lost_total").increment(1);
}

/// How many lanes of this worker fail.
pub fn lanes_failing(work: Work, count: usize) {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    match work {
        Work::Sent => gauge!("hookwire_lanes_failing").set(count),
        Work::Received => gauge!("hookwire_queues_failing").set(count),
    }
}

/// Something came twice and was left alone: at `dispatch` or at the `receiver`.
pub fn duplicate(at: &'static str) {
    counter!("hookwire_duplicates_total", "where" => at).increment(1);
}

/// Tenants that get a label of their own; the others share one.
const MAX_TENANTS: usize = 100;

/// Since when the oldest due work of each tenant waits.
#[derive(Debug, Default)]
pub struct Oldest {
    /// Every tenant that has been late before, so that it is set back when it no longer is.
    tenants: HashMap<String, Duration>,
    work: Work,
}

impl Oldest {
    /// Of this kind of work.
    #[must_use]
    pub fn of(work: Work) -> Self {
        Self { tenants: HashMap::new(), work }
    }

    /// What is late now.
    pub fn record(&mut self, late: impl FnOnce() -> (Vec<(Option<Tenant>, Timestamp)>, Timestamp)) {
        self.tenants.values_mut().for_each(|age| *age = Duration::ZERO);
        let (late, now) = late();
        for (tenant, since) in late {
            let name = tenant.as_ref().map_or("", Tenant::as_str);
            let has_label = self.tenants.contains_key(name) || self.tenants.len() < MAX_TENANTS;
            let age = self.tenants.entry(if has_label { name } else { "(others)" }.to_owned()).or_default();
            *age = now.since(since).max(*age);
        }
        for (tenant, age) in &self.tenants {
            match self.work {
                Work::Sent => gauge!("hookwire_oldest_due_seconds", "tenant" => tenant.clone()).set(age.as_secs_f64()),
                // Queues are nobody's: all of them are one entry.
                Work::Received => gauge!("hookwire_oldest_job_seconds").set(age.as_secs_f64()),
            }
        }
    }
}
