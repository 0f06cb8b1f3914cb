//! Waits for the next attempt at one delivery, if this process makes it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::delivery::{Attempt, Settlement};
use crate::id::DeliveryId;

type Attempts = watch::Sender<Option<Attempt>>;

/// The deliveries whose next attempt a caller waits for. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct AttemptWatch(Arc<State>);

#[derive(Debug, Default)]
struct State {
    waiting: Mutex<HashMap<DeliveryId, Attempts>>,
    /// The number of entries in `waiting`. It is almost always zero, so that a settlement takes no lock.
    count: AtomicUsize,
}

/// Receives the attempts at one delivery that are settled from now on.
#[derive(Debug)]
pub(super) struct NextAttempt {
    watch: AttemptWatch,
    delivery: DeliveryId,
    attempts: watch::Receiver<Option<Attempt>>,
}

impl AttemptWatch {
    /// Watches a delivery until the returned value is dropped.
    pub(super) fn watch(&self, delivery: DeliveryId) -> NextAttempt {
        let mut waiting = self.waiting();
        let attempts = waiting.entry(delivery).or_insert_with(|| watch::Sender::new(None)).subscribe();
        self.0.count.store(waiting.len(), Ordering::Release);
        NextAttempt { watch: self.clone(), delivery, attempts }
    }

    /// Passes a settled attempt on to the watchers of its delivery.
    pub(super) fn record(&self, settlement: &Settlement) {
        if self.0.count.load(Ordering::Acquire) == 0 {
            return;
        }
        if let Some(attempts) = self.waiting().get(&settlement.lease.delivery) {
            attempts.send_replace(settlement.attempt.clone());
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<DeliveryId, Attempts>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl NextAttempt {
    /// Waits for an attempt. Never returns if this process makes no attempt.
    pub(super) async fn recv(&mut self) -> Attempt {
        match self.attempts.wait_for(Option::is_some).await.map(|attempt| attempt.clone()) {
            Ok(Some(attempt)) => attempt,
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for NextAttempt {
    fn drop(&mut self) {
        let mut waiting = self.watch.waiting();
        if waiting.get(&self.delivery).is_some_and(|attempts| attempts.receiver_count() <= 1) {
            waiting.remove(&self.delivery);
        }
        self.watch.0.count.store(waiting.len(), Ordering::Release);
    }
}
