//! An attempt is a call of the handler.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::job::{Job, JobError};
use super::queue::Queue;
use crate::clock::Clock;
use crate::delivery::{Leased, Settlement};
use crate::id::{LaneId, QueueName, Work};
use crate::outcome::{Outcome, Report, excerpt};
use crate::retry::{Policy, RetryPolicy};
use crate::store::StoreError;
use crate::worker::{Deliver, Tended, Terms};

/// A queue under its checked name.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) name: QueueName,
    pub(super) queue: Queue,
}

impl Served {
    /// What its lane may use.
    pub(super) fn terms(&self) -> Terms {
        let Queue { concurrency, rate, on_failure, .. } = &self.queue;
        Terms::open(*concurrency).with_rate(*rate).on_failure(*on_failure)
    }
}

#[derive(Debug)]
pub(super) struct HandlerDeliver {
    pub(super) lanes: HashMap<LaneId, Arc<Served>>,
    pub(super) clock: Arc<dyn Clock>,
}

#[async_trait]
impl Deliver for HandlerDeliver {
    fn work(&self) -> Work {
        Work::Received
    }

    fn crew(&self) -> &'static str {
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
                Report::new(outcome, took).with_excerpt(excerpt(text.as_bytes()))
            }
            Err(_) => Report::new(Outcome::Timeout, took),
        })
    }

    async fn terms(&self, lane: LaneId) -> Result<Terms, StoreError> {
        // Queues of other processes are not ours.
        Ok(self.lanes.get(&lane).map_or(Terms::closed(), |served| served.terms()))
    }

    async fn policy(&self, leased: &Leased) -> Arc<dyn RetryPolicy> {
        let served = self.lanes.get(&leased.lane);
        served.map_or_else(|| Arc::new(Policy::default()) as _, |served| served.queue.policy.clone())
    }

    fn settled(&self, _: &Settlement) {}

    async fn tend(&self) -> Result<Tended, StoreError> {
        Ok(Tended::default())
    }
}
