//! An attempt is a call of the handler.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::job::{Job, JobError};
use super::queue::Queue;
use crate::clock::Clock;
use crate::delivery::{Leased, Settlement};
use crate::id::EndpointId;
use crate::outcome::{Outcome, Report, excerpt};
use crate::retry::{Decision, Facts, FailReason, Policy, RetryPolicy};
use crate::store::StoreError;
use crate::worker::{Deliver, Tended, Terms};

/// How a handler's answers read as outcomes: done, try again, do not try again.
const DONE: Outcome = Outcome::Status(200);
const TRY_AGAIN: Outcome = Outcome::Status(500);
const REJECTED: Outcome = Outcome::Status(422);

/// A queue and its lane.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) lane: EndpointId,
    pub(super) queue: Queue,
}

#[derive(Debug)]
pub(super) struct HandlerDeliver {
    pub(super) lanes: HashMap<EndpointId, Arc<Served>>,
    pub(super) clock: Arc<dyn Clock>,
}

#[async_trait]
impl Deliver for HandlerDeliver {
    fn crew(&self) -> &'static str {
        "inbox"
    }

    async fn deliver(&self, leased: &Leased) -> Option<Report> {
        let queue = &self.lanes.get(&leased.endpoint)?.queue;
        let job = Job::new(leased.clone(), queue.name.clone());
        let began = self.clock.uptime();
        let handled = tokio::time::timeout(queue.timeout, (queue.handler)(job.clone())).await;
        let took = self.clock.uptime().saturating_sub(began);
        if job.is_finished_elsewhere() {
            return None;
        }
        Some(match handled {
            Ok(Ok(())) => Report::new(DONE, took),
            Ok(Err(JobError { text, is_final })) => {
                let outcome = if is_final { REJECTED } else { TRY_AGAIN };
                Report::new(outcome, took).with_excerpt(excerpt(text.as_bytes()))
            }
            Err(_) => Report::new(Outcome::Timeout, took),
        })
    }

    async fn terms(&self, lane: EndpointId) -> Result<Terms, StoreError> {
        let open = |served: &Arc<Served>| {
            let Queue { concurrency, rate, on_failure, .. } = &served.queue;
            Terms::open(*concurrency).with_rate(*rate).on_failure(*on_failure)
        };
        // Lanes of a sender in the same store, and queues of other processes, are not ours.
        Ok(self.lanes.get(&lane).map_or(Terms::closed(), open))
    }

    async fn policy(&self, leased: &Leased) -> Arc<dyn RetryPolicy> {
        let served = self.lanes.get(&leased.endpoint);
        served.map_or_else(|| Arc::new(Policy::default()) as _, |served| served.queue.policy.clone())
    }

    fn settled(&self, _: &Settlement) {}

    async fn tend(&self) -> Result<Tended, StoreError> {
        Ok(Tended::default())
    }
}

/// A policy under which what a handler rejects is not tried again.
#[derive(Debug)]
pub(super) struct Rejecting<P>(pub(super) P);

impl<P: RetryPolicy> RetryPolicy for Rejecting<P> {
    fn max_attempts(&self) -> u32 {
        self.0.max_attempts()
    }

    fn decide(&self, facts: &Facts<'_>) -> Decision {
        if facts.report.outcome == REJECTED {
            return Decision::Fail { reason: FailReason::Permanent };
        }
        self.0.decide(facts)
    }
}
