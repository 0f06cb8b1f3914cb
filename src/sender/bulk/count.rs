//! Counts what a plan would change, with a bound on the time that it takes.

use std::time::Duration;

use super::reader::Reader;
use crate::clock::{Clock, Timestamp};
use crate::sender::error::EndpointError;
use crate::store::Counts;

/// How many pages a count reads. Then the number is a lower bound.
const MAX_PAGES: u32 = 64;

/// How many pages a page without a match counts as: the store has examined many rows for it.
const EMPTY_PAGE: u32 = 8;

/// When a count reads no further page: somebody waits for the number.
const PATIENCE: Duration = Duration::from_secs(2);

impl Reader<'_> {
    /// Counts up to [`Counts::MOST`] changes. Returns the number, and whether all was read: otherwise there may be more.
    pub(in crate::sender) async fn count_up_to_bound(&self, clock: &dyn Clock) -> Result<(u64, bool), EndpointError> {
        let (mut progress, began, mut pages) = (self.plan.start(), clock.uptime(), MAX_PAGES);
        while progress.changed < Counts::MOST && pages > 0 {
            let Some(batch) = self.next(&progress, Counts::MOST - progress.changed).await? else { break };
            self.plan.advance(&mut progress, &batch, batch.len(), clock.now());
            pages = pages.saturating_sub(if batch.examined == 0 { EMPTY_PAGE } else { 1 });
            if clock.uptime().saturating_sub(began) > PATIENCE {
                break;
            }
        }
        Ok((progress.changed, progress.part.is_none()))
    }

    /// Counts all changes.
    pub(in crate::sender) async fn count(&self, now: Timestamp) -> Result<u64, EndpointError> {
        let mut progress = self.plan.start();
        while let Some(batch) = self.next(&progress, u64::MAX).await? {
            self.plan.advance(&mut progress, &batch, batch.len(), now);
        }
        Ok(progress.changed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::delivery::NewDelivery;
    use crate::endpoint::NewEndpoint;
    use crate::event::NewEvent;
    use crate::sender::Sender;
    use crate::sender::bulk::plan::{Action, Filter, Plan};
    use crate::store::{Append, MemoryStore, Outbox as _};

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    /// A clock that goes on by this many seconds whenever it is read.
    #[derive(Debug)]
    struct Stepping {
        seconds: u64,
        reads: AtomicU64,
    }

    impl Clock for Stepping {
        fn now(&self) -> Timestamp {
            NOW
        }

        fn uptime(&self) -> Duration {
            Duration::from_secs(self.reads.fetch_add(1, Ordering::Relaxed) * self.seconds)
        }
    }

    /// Counts what a cancellation of all deliveries would change.
    async fn count(deliveries: usize, limit: Option<u64>, seconds: u64) -> (u64, bool) {
        let store = MemoryStore::new();
        let sender = Sender::builder(store.clone()).build().unwrap();
        let target = NewEndpoint::https("https://acme.example/hooks").unwrap();
        let endpoint = sender.endpoints().create(target.tenant("acme")).await.unwrap().id;
        let event = Arc::new(NewEvent::json("invoice.paid", &1).unwrap().tenant("acme").seal(NOW));
        let deliveries = (0..deliveries).map(|_| NewDelivery::new(endpoint, NOW)).collect();
        store.append(vec![Append { event, deliveries, now: NOW }]).await.unwrap();
        let plan = Plan { limit, ..Plan::new(Action::Cancel, Filter::default()) };
        let directory = &sender.shared.directory;
        let reader = Reader { store: &store, directory, plan: &plan, endpoint: None, page: 256 };
        reader.count_up_to_bound(&Stepping { seconds, reads: AtomicU64::new(0) }).await.unwrap()
    }

    #[tokio::test]
    async fn a_count_is_exact_up_to_its_bound() {
        assert_eq!(count(0, None, 0).await, (0, true));
        assert_eq!(count(1_000, None, 0).await, (1_000, true));
        assert_eq!(count(10_001, None, 0).await, (Counts::MOST, false));
        assert_eq!(count(10_001, Some(300), 0).await, (300, true), "the limit of the plan is no lower bound");
    }

    #[tokio::test]
    async fn a_count_that_takes_long_returns_what_it_has() {
        assert_eq!(count(1_000, None, 3).await, (256, false));
        assert_eq!(count(200, None, 3).await, (200, true), "the first page is the last one");
    }
}
