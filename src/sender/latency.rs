//! How long endpoints take: the last attempts of each, in memory, bounded.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache;

use crate::id::EndpointId;

/// Endpoints of which something is known.
const ENDPOINTS: usize = 10_000;

/// Attempts kept of each.
const KEPT: usize = 64;

/// How long the last attempts at an endpoint took, those that found no answer included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Latency {
    /// Of how many attempts; at most 64.
    pub attempts: usize,
    /// Half of them took no longer.
    pub median: Duration,
    /// The longest.
    pub max: Duration,
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

    pub(super) fn note(&self, endpoint: EndpointId, took: Duration) {
        let ring = self.0.get(&endpoint).unwrap_or_else(|| {
            let ring = Arc::default();
            self.0.insert(endpoint, Arc::clone(&ring));
            ring
        });
        let mut ring = ring.lock().unwrap_or_else(PoisonError::into_inner);
        let next = ring.next;
        match ring.kept.get_mut(next) {
            Some(oldest) => *oldest = took,
            None => ring.kept.push(took),
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
    fn the_last_attempts_are_kept_and_no_others() {
        let latencies = Latencies::new();
        let endpoint = EndpointId::generate(Timestamp::EPOCH);
        assert_eq!(latencies.of(endpoint), None);
        for millis in 1..=100 {
            latencies.note(endpoint, Duration::from_millis(millis));
        }
        let found = latencies.of(endpoint).unwrap();
        assert_eq!(
            (found.attempts, found.median, found.max),
            (64, Duration::from_millis(68), Duration::from_millis(100))
        );
    }
}
