//! What is counted: metrics by the `metrics` facade (feature `metrics`), under the names below. Without the feature nothing is
//! counted, and nothing is paid for it.
//!
//! | name | kind | labels |
//! |---|---|---|
//! | `hookwire_attempts_total` | counter | `outcome`: a class of [`Outcome`](crate::outcome::Outcome), statuses as `2xx` … `5xx` |
//! | `hookwire_attempt_duration_seconds` | histogram | the same |
//! | `hookwire_dispatch_to_attempt_seconds` | histogram: from when a delivery was made to its first attempt | |
//! | `hookwire_leases_lost_total` | counter | |
//! | `hookwire_lanes_failing` | gauge: lanes of this worker whose last attempt failed | |
//! | `hookwire_oldest_due_seconds` | gauge: how long the oldest delivery has been due that waits in the store | `tenant` |
//! | `hookwire_jobs_total` | counter: calls of an inbox's handlers | `outcome`: `handled`, `handler_failed`, `handler_rejected`, `timeout`, `panic` |
//! | `hookwire_job_duration_seconds` | histogram | the same |
//! | `hookwire_receipt_to_job_seconds` | histogram: from when an event was kept to the first call of its handler | |
//! | `hookwire_queues_failing` | gauge: queues of this inbox whose last jobs failed | |
//! | `hookwire_oldest_job_seconds` | gauge: how long the oldest job has been due that waits in the store | |
//! | `hookwire_duplicates_total` | counter | `where`: `dispatch`, `receiver` |
//!
//! What a sender does and what an inbox does is counted under names of its own.
//!
//! No label is a stranger's choice. The first hundred tenants that are late have labels of their own, all others share `(others)`:
//! so the number of labels is bounded.
//!
//! ```
//! // With a recorder of your own installed, for instance `metrics-exporter-prometheus`, there is nothing else to do.
//! hookwire::telemetry::duplicate("dispatch");
//! ```

#[cfg(not(feature = "metrics"))]
#[path = "none.rs"]
mod recorded;
#[cfg(feature = "metrics")]
#[path = "recorded.rs"]
mod recorded;

pub use self::recorded::{Oldest, attempt, duplicate, first_attempt, lanes_failing, lease_lost};
