//! How a receiver is set up.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::Receiver;
use super::dedup::{Desk, Strays, Upkeep};
use super::documents::Library;
use super::source::{Source, SourceError};
use crate::clock::{Clock, SystemClock};
use crate::fetch::Fetch;
use crate::id::IdError;
use crate::signature::SchemeError;
use crate::store::Dedup;

/// Shorter retention lets late retries through as new events: providers retry for up to a week.
const MIN_RETENTION: Duration = Duration::from_hours(8 * 24);

/// Longest source name, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// Sets up a [`Receiver`].
///
/// | default | value | change it with |
/// |---|---|---|
/// | longest body | what the provider documents, else 1 MiB | [`max_body`](Self::max_body), [`Source::max_body`] |
/// | time for the whole body | 10 s | [`body_deadline`](Self::body_deadline) |
/// | lease of a handler | 60 s | [`lease`](Self::lease) |
/// | what was handled is remembered for | 14 days | [`retention`](Self::retention) |
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

/// Why a receiver cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// It has no source.
    #[error("source: at least one is needed")]
    NoSource,
    /// A name that is empty, longer than 64 bytes, or not visible ASCII.
    #[error("source: the name must be 1 to {MAX_NAME_BYTES} visible ASCII characters")]
    SourceName,
    /// Two sources of one name.
    #[error("source: two are named {0}")]
    DuplicateSource(String),
    /// A setting of a source is missing or unknown.
    #[error(transparent)]
    Settings(#[from] SourceError),
    /// A scheme that makes no sense.
    #[error("scheme of {0}: {1}")]
    Scheme(String, SchemeError),
    /// The provider signs nothing, so anybody could send its events.
    #[error("source: {0} proves nothing; see dangerous_accept_unproved")]
    Unproved(String),
    /// A tenant that cannot be one.
    #[error(transparent)]
    Tenant(#[from] IdError),
    /// No body would pass.
    #[error("max_body: must be more than zero")]
    MaxBody,
    /// No body would arrive in time.
    #[error("body_deadline: must be more than zero")]
    BodyDeadline,
    /// Every handler would lose its lease at once.
    #[error("lease: must be at least 1 s")]
    Lease,
    /// Late retries would be handled as new events.
    #[error("retention: must be at least 8 days, or set by dangerous_retention")]
    Retention,
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
            lease: Duration::from_mins(1),
            retention: Duration::from_hours(14 * 24),
            shortest_retention: MIN_RETENTION,
        }
    }

    /// Adds a source. Names are unique.
    pub fn source(mut self, source: Source) -> Self {
        self.sources.push(source);
        self
    }

    /// With what key sets and certificates are fetched, and subscriptions confirmed, for the providers that need it: a clone of
    /// the sender's [`HttpClient`](crate::sender::http::HttpClient), or your own. What was fetched is kept for an hour, for
    /// a day while the provider does not answer, and is asked for once a minute at most.
    pub fn fetch(mut self, fetch: impl Fetch) -> Self {
        self.fetch = Some(Arc::new(fetch));
        self
    }

    /// Longest body, in bytes, as received and when it is decompressed; longer ones are answered 413. It counts for every source that
    /// has no limit of its own ([`Source::max_body`]), instead of what the provider documents.
    pub const fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = Some(bytes);
        self
    }

    /// How long the whole body may take; later ones are answered 408. Headers are the server's business.
    pub const fn body_deadline(mut self, deadline: Duration) -> Self {
        self.body_deadline = deadline;
        self
    }

    /// How long a handler may take. It must be longer than the slowest handler: one that overruns its lease may run
    /// beside a second one, for the same event. Shorter leases make an event fresh sooner after a crash.
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How long what was handled is remembered: at least 8 days, longer than the sender retries.
    pub const fn retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self.shortest_retention = MIN_RETENTION;
        self
    }

    /// The same without the lower bound. Retries that come later than this are handled as new events.
    pub const fn dangerous_retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self.shortest_retention = Duration::ZERO;
        self
    }

    /// Another clock. The body deadline is measured by the runtime's timer all the same.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets it up.
    ///
    /// # Errors
    /// When a value is out of its range, or the sources are none, misnamed or two of one name.
    pub fn build(self) -> Result<Receiver, BuildError> {
        self.check()?;
        let mut sources = HashMap::with_capacity(self.sources.len());
        for source in self.sources {
            check_source(&source)?;
            if let Some(twin) = sources.insert(source.shared_name(), Arc::new(source)) {
                return Err(BuildError::DuplicateSource(twin.name().into()));
            }
        }
        let desk = Desk {
            store: self.dedup,
            clock: self.clock,
            lease: self.lease,
            retention: self.retention,
            strays: Strays::default(),
            upkeep: Upkeep::default(),
        };
        Ok(Receiver::new(sources, (self.max_body, self.body_deadline), desk, Library::new(self.fetch)))
    }

    fn check(&self) -> Result<(), BuildError> {
        let rules = [
            (self.sources.is_empty(), BuildError::NoSource),
            (self.max_body == Some(0), BuildError::MaxBody),
            (self.sources.iter().any(|source| source.own_max_body() == Some(0)), BuildError::MaxBody),
            (self.body_deadline.is_zero(), BuildError::BodyDeadline),
            (self.lease < Duration::from_secs(1), BuildError::Lease),
            (self.retention < self.shortest_retention, BuildError::Retention),
        ];
        rules.into_iter().find(|(broken, _)| *broken).map_or(Ok(()), |(_, error)| Err(error))
    }
}

fn check_source(source: &Source) -> Result<(), BuildError> {
    let name = source.name();
    if !(1..=MAX_NAME_BYTES).contains(&name.len()) || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(BuildError::SourceName);
    }
    if let Some(tenant) = source.fixed_tenant() {
        tenant.check()?;
    }
    source.check_scheme().map_err(|error| BuildError::Scheme(name.into(), error))?;
    source.check_settings()?;
    if source.is_proved() { Ok(()) } else { Err(BuildError::Unproved(name.into())) }
}
