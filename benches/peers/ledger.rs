//! What is known of each event: when its dispatch began and ended, when it arrived, and how often.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

/// Stands for a time that has not come.
const NEVER: u64 = u64::MAX;

#[derive(Debug)]
struct Entry {
    /// Microseconds since the start, like the two others.
    started: AtomicU64,
    acknowledged: AtomicU64,
    arrived: AtomicU64,
    arrivals: AtomicU32,
}

impl Entry {
    const fn new() -> Self {
        Self {
            started: AtomicU64::new(NEVER),
            acknowledged: AtomicU64::new(NEVER),
            arrived: AtomicU64::new(NEVER),
            arrivals: AtomicU32::new(0),
        }
    }
}

/// The events of a run. Their numbers start at 0.
#[derive(Debug)]
pub(crate) struct Ledger {
    start: Instant,
    /// Stands before the number of an event in its data. Differs between runs, so that a late delivery of an earlier run is not counted.
    mark: String,
    entries: Vec<Entry>,
    /// All arrivals, also repeated ones.
    arrivals: AtomicU64,
}

/// Events by what happened to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) sent: usize,
    pub(crate) acknowledged: usize,
    /// Of the acknowledged ones.
    pub(crate) missing: usize,
    /// Of the acknowledged ones: those that arrived more than once.
    pub(crate) repeated: usize,
    /// Those that arrived although their dispatch failed.
    pub(crate) unexpected: usize,
    pub(crate) arrived: usize,
}

impl Ledger {
    pub(crate) fn new(run: &str, events: usize) -> Self {
        let entries = std::iter::repeat_with(Entry::new).take(events).collect();
        Self { start: Instant::now(), mark: format!("event-{run}-"), entries, arrivals: AtomicU64::new(0) }
    }

    /// The data of an event: a JSON object of `size` bytes.
    pub(crate) fn data(&self, event: usize, size: usize) -> Value {
        let name = format!("{}{event}.", self.mark);
        let without_padding = json!({"name": name, "padding": ""}).to_string().len();
        json!({"name": name, "padding": "x".repeat(size.saturating_sub(without_padding))})
    }

    pub(crate) fn started(&self, event: usize) {
        self.note(event, |entry| &entry.started);
    }

    pub(crate) fn acknowledged(&self, event: usize) {
        self.note(event, |entry| &entry.acknowledged);
    }

    /// Notes the event whose data is somewhere in this body, in whatever envelope. Returns whether there is one.
    pub(crate) fn arrived(&self, body: &[u8]) -> bool {
        let Some(event) = self.event_in(body) else { return false };
        self.note(event, |entry| &entry.arrived);
        self.entries[event].arrivals.fetch_add(1, Ordering::Relaxed);
        self.arrivals.fetch_add(1, Ordering::Release);
        true
    }

    fn event_in(&self, body: &[u8]) -> Option<usize> {
        let at = body.windows(self.mark.len()).position(|window| window == self.mark.as_bytes())?;
        let rest = &body[at + self.mark.len()..];
        let digits = rest.split(|byte| *byte == b'.').next()?;
        let event: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
        (event < self.entries.len()).then_some(event)
    }

    /// Keeps the earliest time.
    fn note(&self, event: usize, field: impl Fn(&Entry) -> &AtomicU64) {
        let now = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(NEVER - 1);
        field(&self.entries[event]).fetch_min(now, Ordering::Relaxed);
    }

    pub(crate) fn all_arrivals(&self) -> u64 {
        self.arrivals.load(Ordering::Acquire)
    }

    pub(crate) fn count(&self, events: Range<usize>) -> Counts {
        let mut counts = Counts::default();
        for entry in &self.entries[events] {
            let is_known = |time: &AtomicU64| time.load(Ordering::Relaxed) != NEVER;
            let (is_acknowledged, has_arrived) = (is_known(&entry.acknowledged), is_known(&entry.arrived));
            let is_repeated = entry.arrivals.load(Ordering::Relaxed) > 1;
            counts.sent += usize::from(is_known(&entry.started));
            counts.acknowledged += usize::from(is_acknowledged);
            counts.arrived += usize::from(has_arrived);
            counts.missing += usize::from(is_acknowledged && !has_arrived);
            counts.repeated += usize::from(is_acknowledged && is_repeated);
            counts.unexpected += usize::from(!is_acknowledged && has_arrived);
        }
        counts
    }

    /// The time from the first dispatch to the last first arrival.
    pub(crate) fn span(&self, events: Range<usize>) -> Duration {
        let times = |field: fn(&Entry) -> &AtomicU64| {
            self.entries[events.clone()].iter().map(move |entry| field(entry).load(Ordering::Relaxed))
        };
        let first = times(|entry| &entry.started).min().unwrap_or(0);
        let last = times(|entry| &entry.arrived).filter(|time| *time != NEVER).max().unwrap_or(first);
        Duration::from_micros(last.saturating_sub(first))
    }

    /// The times from the start of each dispatch to its answer, sorted.
    pub(crate) fn dispatch_times(&self, events: Range<usize>) -> Vec<Duration> {
        self.times(events, |entry| &entry.acknowledged)
    }

    /// The times from the start of each dispatch to the first arrival, sorted.
    pub(crate) fn delivery_times(&self, events: Range<usize>) -> Vec<Duration> {
        self.times(events, |entry| &entry.arrived)
    }

    fn times(&self, events: Range<usize>, end: fn(&Entry) -> &AtomicU64) -> Vec<Duration> {
        let pairs = self.entries[events].iter().map(|entry| (&entry.started, end(entry)));
        let pairs = pairs.map(|(start, end)| (start.load(Ordering::Relaxed), end.load(Ordering::Relaxed)));
        let known = pairs.filter(|(start, end)| *start != NEVER && *end != NEVER);
        let mut times: Vec<_> = known.map(|(start, end)| Duration::from_micros(end.saturating_sub(start))).collect();
        times.sort_unstable();
        times
    }
}

/// The value below which this share of the sorted times lies.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_has_the_size_and_is_found_in_an_envelope() {
        let ledger = Ledger::new("1a", 11);
        let data = ledger.data(10, 1_024);
        assert_eq!(data.to_string().len(), 1_024);
        let envelope = json!({"type": "bench", "data": data, "escaped": data.to_string()}).to_string();
        assert!(ledger.arrived(envelope.as_bytes()));
        assert_eq!(ledger.count(10..11).arrived, 1);
        assert_eq!(ledger.count(0..10).arrived, 0);
    }

    #[test]
    fn data_of_another_run_is_not_counted() {
        let ledger = Ledger::new("1a", 1);
        let other = Ledger::new("2b", 1).data(0, 200).to_string();
        assert!(!ledger.arrived(other.as_bytes()));
        assert!(!ledger.arrived(b"event-1a-7."), "the run has no event 7");
        assert_eq!(ledger.all_arrivals(), 0);
    }

    #[test]
    fn lost_repeated_and_unexpected_events_are_counted() {
        let ledger = Ledger::new("1a", 4);
        for event in 0..4 {
            ledger.started(event);
        }
        for event in 0..3 {
            ledger.acknowledged(event);
        }
        for event in [0, 1, 1, 3] {
            assert!(ledger.arrived(ledger.data(event, 128).to_string().as_bytes()));
        }
        let expected = Counts { sent: 4, acknowledged: 3, missing: 1, repeated: 1, unexpected: 1, arrived: 3 };
        assert_eq!(ledger.count(0..4), expected);
    }

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Duration::from_millis(100));
        assert_eq!(percentile(&times, 99), Duration::from_millis(198));
        assert_eq!(percentile(&[], 99), Duration::ZERO);
    }
}
