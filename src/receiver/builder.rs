//! Builds a receiver and checks its configuration.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::config_error::{MAX_NAME_BYTES, ReceiverConfigError};
use super::dedup::Deduper;
use super::documents::DocumentCache;
use super::source::Source;
use super::sources::Receiver;
use crate::clock::{Clock, SystemClock};
use crate::fetch::Fetch;
use crate::store::Dedup;
use crate::telemetry;

/// The shortest retention. With a shorter one, late retries would be handled as new events, because providers retry for up to a week
///
const MIN_RETENTION: Duration = Duration::from_secs(8 * 24 * 60 * 60);

/// Configures a [`Receiver`].
///
/// | default | value | change it with |
/// |---|---|---|
/// | longest body | what the provider documents, else 1 MiB | [`max_body`](Self::max_body), [`Source::max_body`] |
/// | time for the whole body | 10 s | [`body_deadline`](Self::body_deadline) |
/// | lease of a handler | 60 s | [`lease`](Self::lease) |
/// | retention of handled events | 14 days | [`retention`](Self::retention) |
/// | fetcher of keys and certificates | none | [`fetch`](Self::fetch) |
/// | clock | the system's | [`clock`](Self::clock) |
#[derive(Debug)]
#[must_use = "build it"]
pub struct ReceiverBuilder {
    dedup: Box<dyn Dedup>,
    clock: Arc<dyn Clock>,
    sources: Vec<Source>,
    fetch: Option<Arc<dyn Fetch>>,
    max_body: Option<usize>,
    body_deadline: Duration,
    lease: Duration,
    retention: Duration,
    shortest_retention: Duration,
}

impl Receiver {
    /// Starts to configure a receiver that remembers events in this store.
    pub fn builder(dedup: impl Dedup) -> ReceiverBuilder {
        ReceiverBuilder::new(Box::new(dedup))
    }
}

impl ReceiverBuilder {
    pub(super) fn new(dedup: Box<dyn Dedup>) -> Self {
        Self {
            dedup,
            clock: Arc::new(SystemClock),
            sources: Vec::new(),
            fetch: None,
            max_body: None,
            body_deadline: Duration::from_secs(10),
            lease: Duration::from_secs(60),
            retention: Duration::from_secs(14 * 24 * 60 * 60),
            shortest_retention: MIN_RETENTION,
        }
    }

    /// Adds a source. Names are unique.
    pub fn source(mut self, source: Source) -> Self {
        self.sources.push(source);
        self
    }

    /// Sets the client that fetches key sets and certificates and confirms subscriptions, for the providers that need it: a clone of
    /// the sender's [`HttpClient`](crate::sender::http::HttpClient), or another. A document is kept for an hour, or for a day
    /// while the provider does not respond, and is fetched at most once a minute.
    pub fn fetch(mut self, fetch: impl Fetch) -> Self {
        self.fetch = Some(Arc::new(fetch));
        self
    }

    /// Sets the longest body, in bytes, as received and after decompression. The response to a longer body is 413. For every source without
    /// its own [`Source::max_body`], this limit replaces the limit that the provider documents.
    pub const fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = Some(bytes);
        self
    }

    /// Sets how long the whole body may take. If it takes longer, the response is 408. The server must limit the time for the headers
    ///
    pub const fn body_deadline(mut self, deadline: Duration) -> Self {
        self.body_deadline = deadline;
        self
    }

    /// Sets how long a handler may take. The lease must be longer than the slowest handler: if a handler overruns it, a second one
    /// may run for the same event. A shorter lease makes an event new again sooner after a crash.
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets how long a handled event is remembered: at least 8 days, which is longer than providers retry.
    pub const fn retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self.shortest_retention = MIN_RETENTION;
        self
    }

    /// Sets the retention without the lower bound. Later retries are handled as new events.
    pub const fn dangerous_retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self.shortest_retention = Duration::ZERO;
        self
    }

    /// Sets the clock. The body deadline is always measured by the runtime's timer.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the receiver.
    ///
    /// # Errors
    /// Returns the [`ReceiverConfigError`] of the first setting or source that is invalid.
    pub fn build(self) -> Result<Receiver, ReceiverConfigError> {
        self.check()?;
        telemetry::describe();
        let mut sources = HashMap::with_capacity(self.sources.len());
        for source in self.sources {
            check_source(&source)?;
            if let Some(twin) = sources.insert(source.shared_name(), Arc::new(source)) {
                return Err(ReceiverConfigError::DuplicateSource(twin.name().into()));
            }
        }
        let deduper = Deduper::new(self.dedup, self.clock, self.lease, self.retention);
        Ok(Receiver::new(sources, (self.max_body, self.body_deadline), deduper, DocumentCache::new(self.fetch)))
    }

    fn check(&self) -> Result<(), ReceiverConfigError> {
        let rules = [
            (self.sources.is_empty(), ReceiverConfigError::NoSource),
            (self.max_body == Some(0), ReceiverConfigError::MaxBody),
            (self.sources.iter().any(|source| source.own_max_body() == Some(0)), ReceiverConfigError::MaxBody),
            (self.body_deadline.is_zero(), ReceiverConfigError::BodyDeadline),
            (self.lease < Duration::from_secs(1), ReceiverConfigError::Lease),
            (self.retention < self.shortest_retention, ReceiverConfigError::Retention),
        ];
        rules.into_iter().find(|(broken, _)| *broken).map_or(Ok(()), |(_, error)| Err(error))
    }
}

fn check_source(source: &Source) -> Result<(), ReceiverConfigError> {
    let name = source.name();
    if !(1..=MAX_NAME_BYTES).contains(&name.len()) || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ReceiverConfigError::SourceName);
    }
    if let Some(tenant) = source.fixed_tenant() {
        tenant.check().map_err(ReceiverConfigError::Tenant)?;
    }
    source.check_scheme().map_err(|error| ReceiverConfigError::Scheme(name.into(), error))?;
    source.check_settings()?;
    if source.is_proved() { Ok(()) } else { Err(ReceiverConfigError::Unproved(name.into())) }
}
