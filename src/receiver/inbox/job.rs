//! What a handler gets, and what it may say.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::clock::Timestamp;
use crate::delivery::{Attempt, Leased, Next, Settlement};
use crate::event::{EventType, Origin};
use crate::id::{DeliveryId, Tenant};
use crate::outcome::Outcome;
use crate::receiver::JsonError;
use crate::receiver::json;

/// A verified event, to be handled. Cheap to clone.
///
/// `Debug` prints no payload.
#[derive(Clone, Debug)]
pub struct Job {
    pub(super) leased: Leased,
    pub(super) queue: Arc<str>,
    elsewhere: Arc<AtomicBool>,
}

impl Job {
    pub(super) fn new(leased: Leased, queue: Arc<str>) -> Self {
        Self { leased, queue, elsewhere: Arc::default() }
    }

    /// Its name in the store.
    #[must_use]
    pub const fn id(&self) -> DeliveryId {
        self.leased.lease.delivery
    }

    /// The queue it is handled in.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// Whose event it is: the tenant of the source or of the route.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.leased.event.tenant
    }

    fn origin(&self) -> Option<&Origin> {
        self.leased.event.origin.as_deref()
    }

    /// The name of the source that verified it; empty for a job that an earlier version has kept.
    #[must_use]
    pub fn source(&self) -> &str {
        self.origin().map_or("", |origin| &origin.source)
    }

    /// The event's id as the provider has sent it, up to 256 bytes.
    #[must_use]
    pub fn event_id(&self) -> Option<&str> {
        self.origin()?.event_id.as_deref()
    }

    /// The event's type as the provider has sent it, up to 256 bytes; `None` where it names none.
    #[must_use]
    pub fn provider_type(&self) -> Option<&str> {
        self.origin()?.event_type.as_deref()
    }

    /// A header that was kept with the event, in whatever case it is asked for: one of
    /// [those that its scheme keeps](crate::receiver::Verified::kept_headers).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.origin()?.header(name)
    }

    /// All headers that were kept with the event, names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.origin().into_iter().flat_map(|origin| origin.headers.iter()).map(|(name, value)| (&**name, &**value))
    }

    /// The event's type in the alphabet of [`EventType`], any other character turned into `_`; `webhook` where the provider
    /// names none. [`provider_type`](Self::provider_type) is what was sent.
    #[must_use]
    pub fn event_type(&self) -> &EventType {
        &self.leased.event.event_type
    }

    /// When it was received.
    #[must_use]
    pub fn received_at(&self) -> Timestamp {
        self.leased.event.occurred_at
    }

    /// Which attempt this is, from 1.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.leased.attempt
    }

    /// The event's bytes, exactly as received and verified.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.leased.event.payload
    }

    /// The payload as `T`.
    ///
    /// # Errors
    /// When it is no JSON, or no `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, JsonError> {
        json::lenient(self.body())
    }

    /// The payload as `T`, refusing any object that repeats a key at any depth.
    ///
    /// # Errors
    /// When it is no JSON, repeats a key, or is no `T`.
    pub fn strict_json<T: DeserializeOwned>(&self) -> Result<T, JsonError> {
        json::strict(self.body())
    }

    /// What records, in the handler's own transaction, that the job is done: give it to
    /// [`SqliteStore::settle_in`](crate::store::SqliteStore::settle_in), and after the commit say so with
    /// [`finished_elsewhere`](Self::finished_elsewhere). When the store answers that the lease is lost, somebody else has the
    /// job: roll back.
    #[must_use]
    pub fn done(&self, now: Timestamp) -> Settlement {
        let attempt = Attempt::new(self.leased.attempt, now, Duration::ZERO, Outcome::Handled);
        Settlement::of(&self.leased, Next::Delivered, now).with_attempt(attempt)
    }

    /// The job was recorded as done, or handed on, by the handler itself: the worker does not record it again. Should that
    /// turn out to be untrue, the job is handled again.
    pub fn finished_elsewhere(&self) {
        self.elsewhere.store(true, Ordering::Release);
    }

    pub(super) fn is_finished_elsewhere(&self) -> bool {
        self.elsewhere.load(Ordering::Acquire)
    }
}

/// Why a job was not done. Every error turns into one that is tried again, by `?`.
#[derive(Debug)]
pub struct JobError {
    pub(super) text: String,
    pub(super) is_final: bool,
}

impl JobError {
    /// Try again, when the policy says so.
    #[must_use]
    pub fn retry(why: impl fmt::Display) -> Self {
        Self { text: why.to_string(), is_final: false }
    }

    /// Do not try again: the job is a dead letter.
    #[must_use]
    pub fn reject(why: impl fmt::Display) -> Self {
        Self { text: why.to_string(), is_final: true }
    }
}

impl<E: std::error::Error> From<E> for JobError {
    fn from(error: E) -> Self {
        Self::retry(error)
    }
}
