//! What bounds the fetches of one source: tokens, and a memory of names.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use crate::clock::Timestamp;

/// Maximum number of names that are remembered.
pub(super) const MAX_REMEMBERED: usize = 4_096;

/// A token bucket.
#[derive(Debug)]
pub(super) struct TokenBucket {
    tokens: u32,
    most: u32,
    every: Duration,
    /// When the last token was added.
    at: Option<Timestamp>,
}

impl TokenBucket {
    pub(super) const fn new(most: u32, every: Duration) -> Self {
        Self { tokens: most, most, every, at: None }
    }

    pub(super) fn take(&mut self, now: Timestamp) -> bool {
        // When the clock was set back, counting starts anew: otherwise no token would be added until the clock has caught up.
        let at = self.at.filter(|at| *at <= now).unwrap_or(now);
        let added = now.since(at).as_micros() / self.every.as_micros().max(1);
        let added = u32::try_from(added).unwrap_or(self.most).min(self.most);
        self.tokens = self.tokens.saturating_add(added).min(self.most);
        let is_full = self.tokens == self.most;
        self.at = Some(if is_full { now } else { at + self.every * added });
        let taken = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        taken
    }
}

/// The most recent names. A name is kept as a hash with a random key, so that strangers cannot provoke collisions.
#[derive(Debug, Default)]
pub(super) struct RecentNames {
    hasher: RandomState,
    pub(super) seen: HashMap<u64, Timestamp>,
    pub(super) order: VecDeque<u64>,
}

impl RecentNames {
    pub(super) fn add(&mut self, name: &str, now: Timestamp) {
        let hash = self.hasher.hash_one(name);
        if self.seen.insert(hash, now).is_some() {
            return;
        }
        self.order.push_back(hash);
        if self.order.len() > MAX_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
    }

    pub(super) fn holds(&self, name: &str, within: Duration, now: Timestamp) -> bool {
        self.seen.get(&self.hasher.hash_one(name)).is_some_and(|at| now.since(*at) < within)
    }
}
