//! The durations of the last attempts at each endpoint: in memory, bounded.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache;

use crate::id::EndpointId;

/// The number of endpoints whose durations are kept.
const ENDPOINTS: usize = 10_000;

/// The number of attempts that are kept for each endpoint.
const KEPT: usize = 64;

/// The durations of the last attempts at an endpoint, including attempts without a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Latency {
    /// The number of measured attempts; at most 64.
    pub(super) attempts: usize,
    pub(super) median: Duration,
    pub(super) max: Duration,
}

#[derive(Debug, Default)]
struct Ring {
    kept: Vec<Duration>,
    next: usize,
}

#[derive(Debug)]
pub(super) struct Latencies(Cache<EndpointId, Arc<Mutex<Ring>>>);

impl Latencies {
    pub(super) fn new() -> Self {
        Self(Cache::new(ENDPOINTS))
    }

    pub(super) fn record(&self, endpoint: EndpointId, duration: Duration) {
        let ring = self.0.get(&endpoint).unwrap_or_else(|| {
            let ring = Arc::default();
            self.0.insert(endpoint, Arc::clone(&ring));
            ring
        });
        let mut ring = ring.lock().unwrap_or_else(PoisonError::into_inner);
        let next = ring.next;
        match ring.kept.get_mut(next) {
            Some(oldest) => *oldest = duration,
            None => ring.kept.push(duration),
        }
        ring.next = (next + 1) % KEPT;
    }

    pub(super) fn of(&self, endpoint: EndpointId) -> Option<Latency> {
        let ring = self.0.get(&endpoint)?;
        let mut kept = ring.lock().unwrap_or_else(PoisonError::into_inner).kept.clone();
        kept.sort_unstable();
        let (median, max) = (*kept.get((kept.len().checked_sub(1)?) / 2)?, *kept.last()?);
        Some(Latency { attempts: kept.len(), median, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn only_the_last_attempts_are_kept() {
        let latencies = Latencies::new();
        let endpoint = EndpointId::generate(Timestamp::EPOCH);
        assert_eq!(latencies.of(endpoint), None);
        for millis in 1..=100 {
            latencies.record(endpoint, Duration::from_millis(millis));
        }
        let found = latencies.of(endpoint).unwrap();
        assert_eq!(
            (found.attempts, found.median, found.max),
            (64, Duration::from_millis(68), Duration::from_millis(100))
        );
    }
}
