//! With the feature: by whatever recorder the application has installed.

use std::collections::HashMap;
use std::time::Duration;

use metrics::{counter, gauge, histogram};

use crate::clock::Timestamp;
use crate::id::Tenant;
use crate::outcome::Outcome;

/// An attempt has ended.
pub fn attempt(outcome: Outcome, took: Duration) {
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
    counter!("hookwire_attempts_total", "outcome" => class).increment(1);
    histogram!("hookwire_attempt_duration_seconds", "outcome" => class).record(took.as_secs_f64());
}

/// A delivery is tried for the first time, so long after it was made.
pub fn first_attempt(after: Duration) {
    histogram!("hookwire_dispatch_to_attempt_seconds").record(after.as_secs_f64());
}

/// A lease was lost: an attempt may be made twice.
pub fn lease_lost() {
    counter!("hookwire_leases_lost_total").increment(1);
}

/// How many lanes of this worker fail.
pub fn lanes_failing(count: usize) {
    gauge!("hookwire_lanes_failing").set(u32::try_from(count).unwrap_or(u32::MAX));
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
}

impl Oldest {
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
            gauge!("hookwire_oldest_due_seconds", "tenant" => tenant.clone()).set(age.as_secs_f64());
        }
    }
}
