//! The attempts of an inbox: calls of the handlers.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::job::{Job, JobError};
use super::queue::Queue;
use crate::clock::Clock;
use crate::delivery::{Leased, Settlement};
use crate::id::{LaneId, QueueName, Work};
use crate::outcome::{Outcome, Report};
use crate::retry::{Policy, RetryPolicy};
use crate::store::StoreError;
use crate::worker::{Deliver, LanePolicy, Maintenance};

/// A queue whose name is valid.
#[derive(Debug)]
pub(super) struct ServedQueue {
    pub(super) name: QueueName,
    pub(super) queue: Queue,
}

impl ServedQueue {
    /// The limits of its lane.
    pub(super) fn lane_policy(&self) -> LanePolicy {
        let Queue { concurrency, rate, on_failure, .. } = &self.queue;
        LanePolicy::open(*concurrency).rate(*rate).on_failure(*on_failure)
    }
}

#[derive(Debug)]
pub(super) struct HandlerDeliver {
    pub(super) lanes: HashMap<LaneId, Arc<ServedQueue>>,
    pub(super) clock: Arc<dyn Clock>,
}

#[async_trait]
impl Deliver for HandlerDeliver {
    fn work(&self) -> Work {
        Work::Received
    }

    fn group(&self) -> &'static str {
        "inbox"
    }

    async fn deliver(&self, leased: &Leased) -> Option<Report> {
        let queue = &self.lanes.get(&leased.lane)?.queue;
        let job = Job::new(leased.clone(), queue.name.clone());
        let began = self.clock.uptime();
        let handled = tokio::time::timeout(queue.timeout, (queue.handler)(job.clone())).await;
        let took = self.clock.uptime().saturating_sub(began);
        if job.is_finished_elsewhere() {
            return None;
        }
        Some(match handled {
            Ok(Ok(())) => Report::new(Outcome::Handled, took),
            Ok(Err(JobError { text, is_final })) => {
                let outcome = if is_final { Outcome::HandlerRejected } else { Outcome::HandlerFailed };
                Report::new(outcome, took).excerpt(text.as_bytes())
            }
            Err(_) => Report::new(Outcome::Timeout, took),
        })
    }

    async fn lane_policy(&self, lane: LaneId) -> Result<LanePolicy, StoreError> {
        // A queue that this process does not serve belongs to another process.
        Ok(self.lanes.get(&lane).map_or(LanePolicy::closed(), |served| served.lane_policy()))
    }

    async fn retry_policy(&self, leased: &Leased) -> Arc<dyn RetryPolicy> {
        let served = self.lanes.get(&leased.lane);
        served.map_or_else(|| Arc::new(Policy::default()) as _, |served| served.queue.policy.clone())
    }

    fn settled(&self, _: &Settlement) {}

    async fn maintain(&self) -> Result<Maintenance, StoreError> {
        Ok(Maintenance::default())
    }
}
