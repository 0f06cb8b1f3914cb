//! What is handled by whom, and how.

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

/// One handler, with the events it is called for and the limits it is called within.
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
    /// A queue whose jobs are handled by this function. The name is the queue's for good: jobs are found again by it after a
    /// restart. It is 1 to 32 of `[A-Za-z0-9_.-]`; the inbox cannot be [built](super::InboxBuilder::build) with any other.
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

    /// Only events of this source. Default: of all.
    pub fn source(mut self, name: &str) -> Self {
        self.source = Some(name.into());
        self
    }

    /// Only events of these types. Default: all, and those without a type.
    pub fn types(mut self, types: Pattern) -> Self {
        self.types = types;
        self
    }

    /// How many jobs are handled at the same time, in each process. Default 8.
    pub const fn concurrency(mut self, count: NonZeroU32) -> Self {
        self.concurrency = count;
        self
    }

    /// How many jobs are begun in a span of time, in each process. Default: no limit.
    pub const fn rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// How long one call of the handler may take; then it is dropped, and that was an attempt. Default 30 s. The worker's
    /// [lease](crate::worker::Config::lease) must be at least twice as long.
    pub const fn timeout(mut self, span: Duration) -> Self {
        self.timeout = span;
        self
    }

    /// A job that is not handled so long after it was received is given up as `expired`. Default: never.
    pub const fn expires_after(mut self, span: Duration) -> Self {
        self.expires_after = Some(span);
        self
    }

    /// When a failed job is tried again. Default: [`Policy::default`].
    pub fn retry(mut self, policy: impl RetryPolicy) -> Self {
        self.policy = Arc::new(policy);
        self
    }

    /// Jobs with the same key are handled one at a time, in the order they were received; `None` for no order. The key is
    /// read from the verified event when it is kept.
    pub fn ordered_by(mut self, key: impl Fn(&Verified) -> Option<String> + Send + Sync + 'static) -> Self {
        self.order = Some(Arc::new(key));
        self
    }

    /// What becomes of an ordering key whose head was given up. Default: the next one follows.
    pub const fn on_failure(mut self, rule: OnFailure) -> Self {
        self.on_failure = rule;
        self
    }

    pub(super) fn fits(&self, source: &str, event_type: &EventType) -> bool {
        self.source.as_deref().is_none_or(|wanted| wanted == source) && self.types.matches(event_type)
    }
}
