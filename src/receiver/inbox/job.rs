//! A job: the argument and the error of a handler.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::clock::Timestamp;
use crate::delivery::{Attempt, Leased, Settlement};
use crate::event::{EventType, Origin};
use crate::id::{DeliveryId, Tenant};
use crate::outcome::Outcome;
use crate::receiver::JsonError;
use crate::receiver::json;
use crate::retry::Decision;

/// A verified event to handle. Cheap to clone.
///
/// `Debug` prints no payload.
///
/// ```
/// use hookwire::receiver::inbox::{Job, JobError};
///
/// async fn handle(job: Job) -> Result<(), JobError> {
///     let order: serde_json::Value = job.json()?; // an error is tried again
///     match order["number"].as_u64() {
///         Some(number) => Ok(println!("{}: order {number}, attempt {}", job.event_type(), job.attempt())),
///         None => Err(JobError::reject("an order without a number")), // never tried again
///     }
/// }
/// ```
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

    /// The job's id in the store.
    #[must_use]
    pub const fn id(&self) -> DeliveryId {
        self.leased.lease.delivery
    }

    /// The name of the queue.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// The tenant of the source or of the route.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.leased.event.tenant
    }

    fn origin(&self) -> Option<&Origin> {
        self.leased.event.origin.as_deref()
    }

    /// The name of the source; empty for a job that an earlier version has stored.
    #[must_use]
    pub fn source(&self) -> &str {
        self.origin().map_or("", |origin| &origin.source)
    }

    /// The event's id as the provider sent it, up to 256 bytes.
    #[must_use]
    pub fn event_id(&self) -> Option<&str> {
        self.origin()?.event_id.as_deref()
    }

    /// The event's type as the provider sent it, up to 256 bytes. `None` if the provider sent no type.
    #[must_use]
    pub fn provider_type(&self) -> Option<&str> {
        self.origin()?.event_type.as_deref()
    }

    /// A header that is stored with the event: one of [those that its scheme keeps](crate::receiver::Verified::kept_headers). The
    /// case of the name does not matter.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.origin()?.header(name)
    }

    /// All headers that are stored with the event. Their names are in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.origin().into_iter().flat_map(|origin| origin.headers.iter()).map(|(name, value)| (&**name, &**value))
    }

    /// The event's type in the alphabet of [`EventType`]; any other character becomes `_`. `webhook` if the provider sent no type.
    /// [`provider_type`](Self::provider_type) is the type as sent.
    #[must_use]
    pub fn event_type(&self) -> &EventType {
        &self.leased.event.event_type
    }

    /// When the event was received.
    #[must_use]
    pub fn received_at(&self) -> Timestamp {
        self.leased.event.occurred_at
    }

    /// The number of this attempt, counted from 1.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.leased.attempt
    }

    /// The event's bytes, exactly as received and verified.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.leased.event.payload
    }

    /// Reads the payload as `T`.
    ///
    /// # Errors
    /// Returns [`JsonError`] if the payload is not JSON, or not a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, JsonError> {
        json::lenient(self.body())
    }

    /// Reads the payload as `T`, and fails if an object repeats a key at any depth (R-25).
    ///
    /// # Errors
    /// Returns [`JsonError`] if the payload is not JSON, repeats a key, or is not a `T`.
    pub fn strict_json<T: DeserializeOwned>(&self) -> Result<T, JsonError> {
        json::strict(self.body())
    }

    /// Returns the settlement with which a handler records in its own transaction that the job is done: pass it to
    /// [`SqliteStore::settle_in`](crate::store::SqliteStore::settle_in), and call
    /// [`finished_elsewhere`](Self::finished_elsewhere) after the commit. If the store returns that the lease is lost, another worker
    /// has the job: roll back.
    #[must_use]
    pub fn done(&self, now: Timestamp) -> Settlement {
        let attempt = Attempt::new(self.leased.attempt, now, Duration::ZERO, Outcome::Handled);
        Settlement::of(&self.leased, Decision::Delivered, now).with_attempt(attempt)
    }

    /// Tells the worker not to record the job, because the handler has recorded it. If it has not, the job is handled again.
    pub fn finished_elsewhere(&self) {
        self.elsewhere.store(true, Ordering::Release);
    }

    pub(super) fn is_finished_elsewhere(&self) -> bool {
        self.elsewhere.load(Ordering::Acquire)
    }
}

/// Why a handler failed. The operator `?` turns any error into one after which the job is tried again.
#[derive(Debug)]
pub struct JobError {
    pub(super) text: String,
    pub(super) is_final: bool,
}

impl JobError {
    /// The job is tried again, if the retry policy permits it.
    #[must_use]
    pub fn retry(why: impl fmt::Display) -> Self {
        Self { text: why.to_string(), is_final: false }
    }

    /// The job is not tried again: it becomes a dead letter.
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
