//! Putting a sender together, and refusing what does not fit.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, HeaderName};

use super::deliver::{HttpDeliver, Marks, Propagator};
use super::directory::CachedDirectory;
use super::egress::EgressPolicy;
use super::fan_out::FanOut;
use super::http::{HttpClient, HttpError, HttpOptions};
use super::keeper::Keeper;
use super::latency::Latencies;
use super::notice::Board;
use super::ownership::{Ownership, OwnershipPolicy};
use super::policies::Policies;
use super::relay::Relay;
use super::replay::{Running, Waiting};
use super::signers::Signers;
use super::{Limits, Sender, Shared};
use crate::clock::{Clock, Steady, SystemClock};
use crate::endpoint::{HealthRules, Limits as EndpointLimits, check_custom_header};
use crate::event::{EventTypes, Pattern};
use crate::id::Tenant;
use crate::retry::{Policy, RetryPolicy};
use crate::signature::SignRequest;
use crate::store::Store;
use crate::worker::{Config, ConfigError, Engine};

/// What a tenant may set where no operator has said otherwise.
const OF_OWNER: EndpointLimits = EndpointLimits { concurrency: NonZeroU32::MIN.saturating_add(63), rate: None };

/// Configures a [`Sender`]. Every setting has a default that is safe to keep.
#[derive(Debug)]
pub struct SenderBuilder {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    policies: Policies,
    signers: Signers,
    ownership: OwnershipPolicy,
    propagator: Option<Propagator>,
    marks: Marks,
    rules: HealthRules,
    failing_after: u32,
    operator: Option<Tenant>,
    egress: Option<EgressPolicy>,
    http: HttpOptions,
    worker: Config,
    limits: Limits,
    cache_for: Duration,
    types: Option<Arc<dyn EventTypes>>,
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
    /// The header for the event's type or the attempt's number cannot have this name.
    #[error("{name}: cannot name a header of the application's; choose a name that starts with x- and your own")]
    Header {
        /// The name.
        name: HeaderName,
    },
}

impl SenderBuilder {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            clock: Arc::new(SystemClock),
            policies: Policies { default: Arc::new(Policy::default()), named: HashMap::new(), by_type: Vec::new() },
            signers: Signers::default(),
            ownership: OwnershipPolicy::new(|_| Ownership::NotAsked),
            propagator: None,
            marks: Marks::default(),
            rules: HealthRules::default(),
            failing_after: 3,
            operator: None,
            egress: None,
            http: HttpOptions::default(),
            worker: Config::default(),
            limits: Limits {
                payload_bytes: 1024 * 1024,
                endpoints_per_tenant: 1_000,
                of_owner: OF_OWNER,
                waiting: Waiting::default(),
            },
            cache_for: Duration::from_secs(2),
            types: None,
        }
    }

    /// Who tells the time. Default: the system.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The event types of the application: what is dispatched is checked by them, and so is what other clients have written into
    /// the store. Payloads that are sent as they are ([`NewEvent::raw`](crate::event::NewEvent::raw)) are not.
    #[must_use]
    pub fn event_types(mut self, types: impl EventTypes) -> Self {
        self.types = Some(Arc::new(types));
        self
    }

    /// What decides on retries. Default: [`Policy::default`].
    #[must_use]
    pub fn retry(mut self, policy: impl RetryPolicy) -> Self {
        self.policies.default = Arc::new(policy);
        self
    }

    /// What decides on retries of events whose type matches, unless their endpoint has a policy of its own. Of several that
    /// match, the one set first.
    #[must_use]
    pub fn retry_for(mut self, types: Pattern, policy: impl RetryPolicy) -> Self {
        self.policies.by_type.push((types, Arc::new(policy)));
        self
    }

    /// A policy that endpoints may be given by this name: [`NewEndpoint::retry`](crate::endpoint::NewEndpoint::retry).
    #[must_use]
    pub fn retry_named(mut self, name: &str, policy: impl RetryPolicy) -> Self {
        self.policies.named.insert(name.into(), Arc::new(policy));
        self
    }

    /// A way of signing that endpoints may be given by this name, beside `standard`, `stripe` and `github`:
    /// [`NewEndpoint::schemes`](crate::endpoint::NewEndpoint::schemes). A scheme of [`signature`](crate::signature), a profile of
    /// RFC 9421, or your own.
    #[must_use]
    pub fn signer(mut self, name: &str, signer: impl SignRequest) -> Self {
        self.signers.add(name, signer);
        self
    }

    /// Whether the owner of a new target is asked before anything is delivered to it, and how: for each tenant. Default: nobody
    /// is asked. See [`Endpoints::prove`](super::Endpoints::prove).
    #[must_use]
    pub fn ownership(mut self, choose: impl Fn(&Tenant) -> Ownership + Send + Sync + 'static) -> Self {
        self.ownership = OwnershipPolicy::new(choose);
        self
    }

    /// What puts the current trace (`traceparent`, W3C Trace Context) on requests to [traced](crate::endpoint::NewEndpoint::traced)
    /// endpoints: it is called in the span of the attempt, before the request is signed. With `tracing-opentelemetry` that is
    /// its propagator's `inject_context`. Default: none.
    #[must_use]
    pub fn propagate(mut self, propagator: impl Fn(&mut HeaderMap) + Send + Sync + 'static) -> Self {
        self.propagator = Some(Propagator(Arc::new(propagator)));
        self
    }

    /// The event's type in a header of this name, on every delivery: `HeaderName::from_static("x-acme-event")`. It is set before
    /// the request is signed, so a [`signer`](Self::signer) of your own finds it among the headers. Default: none.
    #[must_use]
    pub fn event_type_header(mut self, name: HeaderName) -> Self {
        self.marks.event_type = Some(name);
        self
    }

    /// The number of the attempt, from 1, in a header of this name, on every delivery; for signers as
    /// [`event_type_header`](Self::event_type_header). Default: none.
    #[must_use]
    pub fn attempt_header(mut self, name: HeaderName) -> Self {
        self.marks.attempt = Some(name);
        self
    }

    /// When endpoints that do nothing but fail are warned of, slowed and disabled. Default: [`HealthRules::default`].
    #[must_use]
    pub const fn health(mut self, rules: HealthRules) -> Self {
        self.rules = rules;
        self
    }

    /// After how many failed attempts a delivery is worth a [`Notice`](super::Notice). Default 3.
    #[must_use]
    pub const fn notice_failing_after(mut self, attempts: u32) -> Self {
        self.failing_after = attempts;
        self
    }

    /// Also dispatches every [`Notice`](super::Notice) as an event of this tenant, `hookwire.endpoint.disabled` and so on, so
    /// that its endpoints receive them. What concerns those endpoints themselves is not dispatched. Default: off.
    #[must_use]
    pub fn notices_to(mut self, operator: impl Into<Tenant>) -> Self {
        self.operator = Some(operator.into());
        self
    }

    /// Which targets are allowed, whatever [`http`](Self::http) says and whichever is called first. Default: [`EgressPolicy::default`].
    #[must_use]
    pub fn egress(mut self, policy: EgressPolicy) -> Self {
        self.egress = Some(policy);
        self
    }

    /// How requests are made: budgets, TLS, resolver.
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

    /// The most that tenants may set as the limits of their own endpoints, through [`Scoped`](super::Scoped) and what is built on it.
    /// Default: 64 attempts at a time, no rate. An operator may set more for an endpoint, or less.
    #[must_use]
    pub const fn max_limits_of_tenants(mut self, limits: EndpointLimits) -> Self {
        self.limits.of_owner = limits;
        self
    }

    /// The most deliveries that may wait for one endpoint, and for all endpoints of its tenant, when a tenant replays. A replay sends
    /// no more than there is room for, and is refused when there is none. Default: 10,000 and 100,000. It does not bind operators or
    /// the application.
    #[must_use]
    pub const fn max_waiting_for_replay(mut self, of_endpoint: u32, of_tenant: u32) -> Self {
        self.limits.waiting = Waiting { of_endpoint, of_tenant };
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
    pub fn build(mut self) -> Result<Sender, BuildError> {
        if let Some(policy) = self.egress.take() {
            self.http.egress = policy;
        }
        self.worker.check(self.http.longest_exchange())?;
        let reserved = |name: &&HeaderName| check_custom_header(name.as_str(), "").is_err();
        if let Some(name) = self.marks.names().find(reserved) {
            return Err(BuildError::Header { name: name.clone() });
        }
        let egress = self.http.egress.clone();
        // Signatures have the time that others have; everything else a time that does not step.
        let (wall, clock) = (self.clock.clone(), Arc::new(Steady::over(self.clock)) as Arc<dyn Clock>);
        let client = HttpClient::new(self.http, clock.clone())?;
        let directory = Arc::new(CachedDirectory::new(self.store.clone(), clock.clone(), self.cache_for));
        let (store, limits) = (self.store, self.limits);
        let ownership = self.ownership;
        let fan_out = FanOut { directory: directory.clone(), clock: clock.clone(), limits, types: self.types };
        let (policies, signers) = (Arc::new(self.policies), Arc::new(self.signers));
        let keeper = Arc::new(Keeper {
            store: store.clone(),
            directory: directory.clone(),
            clock: clock.clone(),
            rules: self.rules,
            failing_after: self.failing_after,
            board: Board::new(),
            tells: self.operator.is_some(),
            state: Mutex::default(),
            known: AtomicUsize::new(0),
            latency: Latencies::new(),
        });
        let relay = Relay { store: store.clone(), fan_out: fan_out.clone() };
        let deliver = HttpDeliver {
            client: client.clone(),
            wall,
            propagator: self.propagator,
            marks: self.marks,
            keeper: keeper.clone(),
            policies: policies.clone(),
            signers: signers.clone(),
            relay,
            operator: self.operator,
        };
        let engine = Engine::new(store.clone(), Arc::new(deliver), clock.clone(), self.worker);
        let shared = Shared {
            store,
            directory,
            engine,
            clock,
            egress,
            limits,
            fan_out,
            keeper,
            policies,
            signers,
            client,
            ownership,
            replays: Running::default(),
        };
        Ok(Sender { shared: Arc::new(shared) })
    }
}
