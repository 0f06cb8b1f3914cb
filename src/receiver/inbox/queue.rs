//! A queue: a handler, its events and its limits.

use std::fmt;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::job::{Job, JobError};
use crate::endpoint::{OnFailure, Rate};
use crate::event::{EventType, Pattern};
use crate::receiver::Verified;
use crate::retry::{Policy, RetryPolicy};

type Handled = Pin<Box<dyn Future<Output = Result<(), JobError>> + Send>>;
type Handler = Arc<dyn Fn(Job) -> Handled + Send + Sync>;
type Order = Arc<dyn Fn(&Verified) -> Option<String> + Send + Sync>;

/// A handler, the events that it handles, and its limits.
///
/// ```
/// use std::num::NonZeroU32;
/// use hookwire::receiver::inbox::{Inbox, Queue};
/// use hookwire::store::MemoryStore;
///
/// let mail = Queue::new("mail", |job| async move { Ok(println!("{:?}", job.body())) })
///     .source("postmark")
///     .concurrency(NonZeroU32::new(2).unwrap())
///     .ordered_by(|verified| verified.event_id().map(str::to_owned));
/// assert!(Inbox::builder(MemoryStore::new()).queue(mail).build().is_ok());
/// ```
#[derive(Clone)]
#[must_use = "give it to an inbox"]
pub struct Queue {
    pub(super) name: Arc<str>,
    pub(super) source: Option<Arc<str>>,
    pub(super) types: Pattern,
    pub(super) concurrency: NonZeroU32,
    pub(super) rate: Option<Rate>,
    pub(super) timeout: Duration,
    pub(super) expires_after: Option<Duration>,
    pub(super) policy: Arc<dyn RetryPolicy>,
    pub(super) order: Option<Order>,
    pub(super) on_failure: OnFailure,
    pub(super) handler: Handler,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("name", &self.name).field("types", &self.types).finish_non_exhaustive()
    }
}

impl Queue {
    /// A queue whose jobs are handled by this function. The name must stay the same, because the store finds jobs by it after a
    /// restart. It has 1 to 32 characters of `[A-Za-z0-9_.-]`; [`InboxBuilder::build`](super::InboxBuilder::build) fails with any
    /// other name.
    pub fn new<F, Fut>(name: &str, handler: F) -> Self
    where
        F: Fn(Job) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), JobError>> + Send + 'static,
    {
        Self {
            name: name.into(),
            source: None,
            types: Pattern::ALL,
            concurrency: NonZeroU32::MIN.saturating_add(7),
            rate: None,
            timeout: Duration::from_secs(30),
            expires_after: None,
            policy: Arc::new(Policy::default()),
            order: None,
            on_failure: OnFailure::Skip,
            handler: Arc::new(move |job| Box::pin(handler(job))),
        }
    }

    /// Limits the queue to events of this source. Default: all sources.
    pub fn source(mut self, name: &str) -> Self {
        self.source = Some(name.into());
        self
    }

    /// Limits the queue to events of these types. Default: all events, also those without a type.
    pub fn types(mut self, types: Pattern) -> Self {
        self.types = types;
        self
    }

    /// Sets how many jobs are handled at the same time. The limit is for all processes together, but each process may always handle
    /// one job. Default 8.
    pub const fn concurrency(mut self, count: NonZeroU32) -> Self {
        self.concurrency = count;
        self
    }

    /// Sets how many jobs start in a span of time. The limit is for all processes together, but each process may always start one
    /// job. Default: no limit.
    pub const fn rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Sets how long one call of the handler may take. After that it is dropped, and counts as an attempt. Default 30 s. The worker's
    /// [lease](crate::worker::Config::lease) must be at least twice as long.
    pub const fn timeout(mut self, span: Duration) -> Self {
        self.timeout = span;
        self
    }

    /// Sets how long after its receipt a job may be handled. After that it fails as `expired`. Default: no limit.
    pub const fn expires_after(mut self, span: Duration) -> Self {
        self.expires_after = Some(span);
        self
    }

    /// Sets when a failed job is tried again. Default: [`Policy::default`].
    pub fn retry(mut self, policy: impl RetryPolicy) -> Self {
        self.policy = Arc::new(policy);
        self
    }

    /// Handles jobs with the same key one at a time, in the order of their receipt. `None` means no order. The key is read from the
    /// verified event when it is stored.
    pub fn ordered_by(mut self, key: impl Fn(&Verified) -> Option<String> + Send + Sync + 'static) -> Self {
        self.order = Some(Arc::new(key));
        self
    }

    /// Sets what happens to an ordering key when its first job has failed. Default: the next job follows.
    pub const fn on_failure(mut self, rule: OnFailure) -> Self {
        self.on_failure = rule;
        self
    }

    pub(super) fn fits(&self, source: &str, event_type: &EventType) -> bool {
        self.source.as_deref().is_none_or(|wanted| wanted == source) && self.types.matches(event_type)
    }
}
