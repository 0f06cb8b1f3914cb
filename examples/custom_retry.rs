//! Three retry policies, and when each would try again while an endpoint is down.
//!
//! A policy neither waits nor sends: it only returns what follows an attempt. So three days of retries print in a moment, and you can test
//! your own policy in the same way. To use one: `Sender::builder(store).retry(policy)`.
//!
//! `cargo run --example custom_retry`
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::time::Duration;

use hookwire::clock::Timestamp;
use hookwire::outcome::{Outcome, Report};
use hookwire::retry::{Decision, Delays, Exponential, Facts, FailReason, Policy, RetryPolicy};

const HOUR: Duration = Duration::from_secs(3_600);

/// Our own delays: two early retries, then one every six hours for two days. The function is pure, so a restart changes nothing.
#[derive(Debug)]
struct SoonThenSlowly;

impl Delays for SoonThenSlowly {
    fn delay(&self, retry: u32, _seed: u64) -> Option<Duration> {
        match retry {
            1..=2 => Some(Duration::from_secs(10)),
            3..=10 => Some(6 * HOUR),
            _ => None,
        }
    }
}

/// Our own rule around the standard table: one 404 may be caused by a deployment, but not three in a row.
#[derive(Debug)]
struct ImpatientWith404(Policy);

impl RetryPolicy for ImpatientWith404 {
    fn max_attempts(&self) -> u32 {
        self.0.max_attempts()
    }

    fn decide(&self, facts: &Facts<'_>) -> Decision {
        match facts.report.outcome {
            Outcome::Status(404) if facts.attempt >= 3 => Decision::Fail { reason: FailReason::Permanent },
            _ => self.0.decide(facts),
        }
    }
}

fn main() {
    let growing = Exponential::from(Duration::from_secs(30)).factor(3).cap(12 * HOUR).retries(12);
    let down = Report::new(Outcome::Status(503), Duration::from_millis(40));
    let missing = Report::new(Outcome::Status(404), Duration::from_millis(40));

    show("the default: the schedule of Standard Webhooks", &Policy::default(), &down);
    show("30 s, growing by 3, at most 12 h", &Policy::new(growing), &down);
    show("twice soon, then every 6 h", &Policy::new(SoonThenSlowly), &down);
    show("the default, impatient with 404", &ImpatientWith404(Policy::default()), &missing);
}

/// What the policy decides for a delivery whose attempts all have the same outcome.
fn show(name: &str, policy: &dyn RetryPolicy, report: &Report) {
    println!("\n{name} (meets {} each time)", report.outcome);
    let made = Timestamp::from_secs(1_769_860_800);
    let mut now = made;
    for attempt in 1.. {
        let facts = Facts::new(attempt, now, report).created_at(made).seed(42);
        print!("  attempt {attempt:>2} after {:>9}: ", hours(now.since(made)));
        match policy.decide(&facts) {
            Decision::Retry { at, .. } => {
                println!("again in {}", hours(at.since(now)));
                now = at;
            }
            other => return println!("{other:?}"),
        }
    }
}

fn hours(span: Duration) -> String {
    let seconds = span.as_secs();
    format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}
