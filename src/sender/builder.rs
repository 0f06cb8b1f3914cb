//! Putting a sender together, and refusing what does not fit.

use std::sync::Arc;
use std::time::Duration;

use super::deliver::HttpDeliver;
use super::directory::CachedDirectory;
use super::egress::EgressPolicy;
use super::http::{HttpClient, HttpError, HttpOptions};
use super::{Limits, Sender, Shared};
use crate::clock::{Clock, SystemClock};
use crate::retry::{Policy, RetryPolicy};
use crate::store::Store;
use crate::worker::{Config, ConfigError, Engine};

/// Configures a [`Sender`]. Every setting has a default that is safe to keep.
#[derive(Debug)]
pub struct SenderBuilder {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    policy: Arc<dyn RetryPolicy>,
    http: HttpOptions,
    worker: Config,
    limits: Limits,
    cache_for: Duration,
}

/// A sender cannot be put together so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The worker's settings do not fit.
    #[error(transparent)]
    Worker(#[from] ConfigError),
    /// The HTTP client's settings do not fit.
    #[error(transparent)]
    Http(#[from] HttpError),
}

impl SenderBuilder {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            clock: Arc::new(SystemClock),
            policy: Arc::new(Policy::default()),
            http: HttpOptions::default(),
            worker: Config::default(),
            limits: Limits { payload_bytes: 1024 * 1024, endpoints_per_tenant: 1_000 },
            cache_for: Duration::from_secs(2),
        }
    }

    /// Who tells the time. Default: the system.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// What decides on retries. Default: [`Policy::default`].
    #[must_use]
    pub fn retry(mut self, policy: impl RetryPolicy) -> Self {
        self.policy = Arc::new(policy);
        self
    }

    /// Which targets are allowed. Default: [`EgressPolicy::default`].
    #[must_use]
    pub fn egress(mut self, policy: EgressPolicy) -> Self {
        self.http.egress = policy;
        self
    }

    /// How requests are made: budgets, TLS, resolver. Replaces what [`egress`](Self::egress) has set.
    #[must_use]
    pub fn http(mut self, options: HttpOptions) -> Self {
        self.http = options;
        self
    }

    /// How the worker behaves. Default: [`Config::default`].
    #[must_use]
    pub const fn worker(mut self, config: Config) -> Self {
        self.worker = config;
        self
    }

    /// Longest payload that may be dispatched, in bytes. Default 1 MiB.
    #[must_use]
    pub const fn max_payload(mut self, bytes: usize) -> Self {
        self.limits.payload_bytes = bytes;
        self
    }

    /// Most endpoints that one tenant may have. Default 1,000.
    #[must_use]
    pub const fn max_endpoints_per_tenant(mut self, count: usize) -> Self {
        self.limits.endpoints_per_tenant = count;
        self
    }

    /// How long endpoint records are cached, and so how late a change made by another process is seen. Default 2 s.
    #[must_use]
    pub const fn cache_for(mut self, span: Duration) -> Self {
        self.cache_for = span;
        self
    }

    /// The sender.
    ///
    /// # Errors
    /// Names the setting that does not fit.
    pub fn build(self) -> Result<Sender, BuildError> {
        self.worker.check(self.http.longest_exchange())?;
        let egress = self.http.egress.clone();
        let client = HttpClient::new(self.http, self.clock.clone())?;
        let directory = Arc::new(CachedDirectory::new(self.store.clone(), self.clock.clone(), self.cache_for));
        let deliver = HttpDeliver::new(client, directory.clone(), self.policy, self.clock.clone());
        let engine = Engine::new(self.store.clone(), Arc::new(deliver), self.clock.clone(), self.worker);
        let (store, clock, limits) = (self.store, self.clock, self.limits);
        Ok(Sender { shared: Arc::new(Shared { store, directory, engine, clock, egress, limits }) })
    }
}
