//! Builds a sender and checks its configuration.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName};

use super::attempt_detail::{Kept, KeptDetails, WaitingNotes};
use super::bulk::runner::JobRunner;
use super::config_error::SenderConfigError;
use super::deliver::{HttpDeliver, MarkHeaders, Propagator};
use super::development::{Development, For};
use super::directory::CachedDirectory;
use super::egress::EgressPolicy;
use super::fan_out::FanOut;
use super::handle::{Sender, Shared};
use super::health::{HealthMonitor, Reporting};
use super::health_rules::HealthRules;
use super::http::{HttpClient, HttpOptions, MAX_BODY_BYTES, Measured};
use super::ownership::{Ownership, OwnershipPolicy};
use super::policies::Policies;
use super::quotas::{Backlog, Quotas};
use super::relay::Relay;
use super::signers::Signers;
use super::turns::ReplayTurns;
use crate::clock::{Clock, SteadyClock, SystemClock};
use crate::endpoint::{Limits, check_custom_header};
use crate::event::{EventTypes, Pattern};
use crate::id::Tenant;
use crate::retry::RetryPolicy;
use crate::signature::SignRequest;
use crate::store::Store;
use crate::worker::{Config, Engine};

/// Configures a [`Sender`]. Every setting has a default that is safe to keep.
///
/// ```
/// use hookwire::sender::Sender;
/// use hookwire::sender::http::HttpOptions;
/// use hookwire::store::MemoryStore;
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let builder = Sender::builder(MemoryStore::new()).max_payload(64 * 1024).max_endpoints_per_tenant(20);
/// assert!(builder.build().is_ok());
/// let impatient = HttpOptions::default().exchange_timeout(Duration::ZERO);
/// let refused = Sender::builder(MemoryStore::new()).http(impatient).build().unwrap_err();
/// assert_eq!(refused.to_string(), "exchange_timeout: must be longer than zero");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SenderBuilder {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    development: Development,
    retry: Option<Arc<dyn RetryPolicy>>,
    named: HashMap<Arc<str>, Arc<dyn RetryPolicy>>,
    by_type: Vec<(Pattern, Arc<dyn RetryPolicy>)>,
    signers: Signers,
    ownership: OwnershipPolicy,
    propagator: Option<Propagator>,
    marks: MarkHeaders,
    rules: HealthRules,
    failing_after: u32,
    operator: Option<Tenant>,
    egress: Option<EgressPolicy>,
    http: HttpOptions,
    worker: Config,
    details: Kept,
    quotas: Quotas,
    cache_for: Duration,
    types: Option<Arc<dyn EventTypes>>,
}

impl Sender {
    /// Starts to configure a sender on this store.
    pub fn builder<S: Store + 'static>(store: S) -> SenderBuilder {
        SenderBuilder::new(Arc::new(store))
    }
}

impl SenderBuilder {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            clock: Arc::new(SystemClock),
            development: Development::default(),
            retry: None,
            named: HashMap::new(),
            by_type: Vec::new(),
            signers: Signers::default(),
            ownership: OwnershipPolicy::new(|_| Ownership::NotAsked),
            propagator: None,
            marks: MarkHeaders::default(),
            rules: HealthRules::default(),
            failing_after: 3,
            operator: None,
            egress: None,
            http: HttpOptions::default(),
            worker: Config::default(),
            details: Kept::default(),
            quotas: Quotas::default(),
            cache_for: Duration::from_secs(2),
            types: None,
        }
    }

    /// Sets the clock. Default: the system clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the event types of the application. Events that are dispatched, or written into the store by other clients, must conform to
    /// them. Raw payloads ([`NewEvent::raw`](crate::event::NewEvent::raw)) are not checked.
    #[must_use]
    pub fn event_types(mut self, types: impl EventTypes) -> Self {
        self.types = Some(Arc::new(types));
        self
    }

    /// Sets the retry policy. Default: [`Policy::default`](crate::retry::Policy::default).
    #[must_use]
    pub fn retry(mut self, policy: impl RetryPolicy) -> Self {
        self.retry = Some(Arc::new(policy));
        self
    }

    /// Sets the retry policy for events whose type matches, unless the endpoint names a policy of its own. If several patterns match, the
    /// first one registered wins.
    #[must_use]
    pub fn retry_for(mut self, types: Pattern, policy: impl RetryPolicy) -> Self {
        self.by_type.push((types, Arc::new(policy)));
        self
    }

    /// Adds a retry policy that endpoints choose by name: [`NewEndpoint::retry`](crate::endpoint::NewEndpoint::retry).
    #[must_use]
    pub fn retry_named(mut self, name: &str, policy: impl RetryPolicy) -> Self {
        self.named.insert(name.into(), Arc::new(policy));
        self
    }

    /// Adds a scheme that endpoints choose by name, besides `standard`, `svix`, `stripe` and `github`:
    /// [`NewEndpoint::schemes`](crate::endpoint::NewEndpoint::schemes). It is a scheme of [`signature`](crate::signature), a profile of
    /// RFC 9421, or your own.
    #[must_use]
    pub fn signer(mut self, name: &str, signer: impl SignRequest) -> Self {
        self.signers.add(name, signer);
        self
    }

    /// Chooses for each tenant whether and how the owner of a new target is asked to agree before anything is delivered to it. Default:
    /// [`Ownership::NotAsked`]. See [`Endpoints::prove`](super::Endpoints::prove).
    #[must_use]
    pub fn ownership(mut self, choose: impl Fn(&Tenant) -> Ownership + Send + Sync + 'static) -> Self {
        self.ownership = OwnershipPolicy::new(choose);
        self
    }

    /// Sets the function that writes the current trace (`traceparent`, W3C Trace Context) into requests to
    /// [traced](crate::endpoint::NewEndpoint::traced) endpoints. It is called in the span of the attempt, before the request is signed.
    /// With `tracing-opentelemetry` it calls the propagator's `inject_context`. Default: no function.
    #[must_use]
    pub fn propagate(mut self, propagator: impl Fn(&mut HeaderMap) + Send + Sync + 'static) -> Self {
        self.propagator = Some(Propagator(Arc::new(propagator)));
        self
    }

    /// Sends the event's type in a header of this name: `HeaderName::from_static("x-acme-event")`. The header is set before the request is
    /// signed, so a [`signer`](Self::signer) of your own finds it. Default: none.
    #[must_use]
    pub fn event_type_header(mut self, name: HeaderName) -> Self {
        self.marks.event_type = Some(name);
        self
    }

    /// Sends the number of the attempt, from 1, in a header of this name, as
    /// [`event_type_header`](Self::event_type_header) sends the type. Default: none.
    #[must_use]
    pub fn attempt_header(mut self, name: HeaderName) -> Self {
        self.marks.attempt = Some(name);
        self
    }

    /// Sets how long all attempts at an endpoint must fail before a [`Notice`](super::Notice) reports it; `None`: it is not reported.
    /// Default: 1 h.
    #[must_use]
    pub fn warn_after(mut self, span: impl Into<Option<Duration>>) -> Self {
        self.rules.warn_after = span.into();
        self
    }

    /// Sets how long all attempts at an endpoint must fail before it gets one attempt a minute; `None`: it is not slowed down. Default: 24 h.
    #[must_use]
    pub fn slow_after(mut self, span: impl Into<Option<Duration>>) -> Self {
        self.rules.slow_after = span.into();
        self
    }

    /// Sets how long all attempts at an endpoint must fail before it is disabled and its deliveries are held; `None`: it is not disabled.
    /// Default: 5 days.
    #[must_use]
    pub fn disable_after(mut self, span: impl Into<Option<Duration>>) -> Self {
        self.rules.disable_after = span.into();
        self
    }

    /// Sets the shortest time between the first and the last failure of an endpoint before it may be disabled, whatever
    /// [`disable_after`](Self::disable_after) is. So one bad hour does not disable an endpoint. Default: 12 h.
    #[must_use]
    pub const fn disable_spread(mut self, span: Duration) -> Self {
        self.rules.spread = span;
        self
    }

    /// Sets after how many failed attempts a [`Notice`](super::Notice) reports a delivery. Default: 3.
    #[must_use]
    pub const fn notice_failing_after(mut self, attempts: u32) -> Self {
        self.failing_after = attempts;
        self
    }

    /// Also dispatches every [`Notice`](super::Notice) as an event of this tenant, so that the tenant's endpoints receive it. The types of
    /// these events are `hookwire.endpoint.disabled` and so on. Notices about these endpoints themselves are not dispatched. Default: off.
    #[must_use]
    pub fn notices_to(mut self, operator: impl Into<Tenant>) -> Self {
        self.operator = Some(operator.into());
        self
    }

    /// Sets which targets are allowed. It takes precedence over the policy in [`http`](Self::http), in whichever order the two are called.
    /// Default: [`EgressPolicy::default`].
    #[must_use]
    pub fn egress(mut self, policy: EgressPolicy) -> Self {
        self.egress = Some(policy);
        self
    }

    /// Sets how requests are made: timeouts, TLS, resolver. Default: [`HttpOptions::default`].
    #[must_use]
    pub fn http(mut self, options: HttpOptions) -> Self {
        self.http = options;
        self
    }

    /// Keeps the details of all attempts: the headers of request and response, the beginning of the response, the address, and how long each
    /// step took. By default the sender keeps those of attempts that did not succeed.
    /// [`Scoped::attempt_details`](super::Scoped::attempt_details) returns the details, and the console shows them. They are kept for
    /// [`Config::diagnostics_retention`].
    #[must_use]
    pub const fn keep_all_details(mut self) -> Self {
        self.details.of = KeptDetails::All;
        self
    }

    /// Keeps no details of attempts; see [`keep_all_details`](Self::keep_all_details).
    #[must_use]
    pub const fn keep_no_details(mut self) -> Self {
        self.details.of = KeptDetails::None;
        self
    }

    /// Sets how much of the body of a response the details of an attempt contain, in bytes: at most 16 KiB (16,384). Default: 4 KiB. The
    /// [excerpt](crate::delivery::Attempt::excerpt) that every attempt has is not affected.
    ///
    /// ```
    /// use hookwire::sender::Sender;
    /// use hookwire::store::MemoryStore;
    ///
    /// let build = |bytes| Sender::builder(MemoryStore::new()).max_response_body(bytes).build();
    /// assert!(build(16 * 1024).is_ok());
    /// assert!(build(16 * 1024 + 1).unwrap_err().to_string().starts_with("max_response_body: must be at most 16384 bytes"));
    /// ```
    #[must_use]
    pub const fn max_response_body(mut self, bytes: usize) -> Self {
        self.details.response_body = bytes;
        self
    }

    /// Configures the worker. Default: [`Config::default`].
    #[must_use]
    pub const fn worker(mut self, config: Config) -> Self {
        self.worker = config;
        self
    }

    /// Sets the longest payload that may be dispatched, in bytes. Default: 1 MiB.
    #[must_use]
    pub const fn max_payload(mut self, bytes: usize) -> Self {
        self.quotas.payload_bytes = bytes;
        self
    }

    /// Sets how many endpoints one tenant may have. Default: 1,000.
    #[must_use]
    pub const fn max_endpoints_per_tenant(mut self, count: usize) -> Self {
        self.quotas.endpoints_per_tenant = count;
        self
    }

    /// Sets the highest limits that a tenant may set on its own endpoints through [`Scoped`](super::Scoped), which the HTTP API and the
    /// tools use. Default: 64 attempts at a time, no rate. An operator may set other limits for an endpoint.
    #[must_use]
    pub const fn max_limits_of_tenants(mut self, limits: Limits) -> Self {
        self.quotas.endpoint_limits = limits;
        self
    }

    /// Sets how many deliveries may be pending for one endpoint, and for all endpoints of its tenant, when a tenant replays. A replay makes
    /// only as many deliveries as fit, and fails if none fits. Operators and the application are not limited. Default: 10,000 and 100,000.
    #[must_use]
    pub const fn max_waiting_for_replay(mut self, per_endpoint: u32, per_tenant: u32) -> Self {
        self.quotas.backlog = Backlog { per_endpoint, per_tenant };
        self
    }

    /// Sets how long endpoint records are cached. A change by another process takes effect after this time at the latest. Default: 2 s.
    #[must_use]
    pub const fn cache_for(mut self, span: Duration) -> Self {
        self.cache_for = span;
        self
    }

    /// Prepares the sender for the machine of a developer: plain `http`, loopback addresses and the addresses of this machine are allowed,
    /// and failed deliveries are retried after 1, 2, 5, 10 and 30 seconds unless [`retry`](Self::retry) is called. Each sender that is
    /// built this way logs a warning. A release build (one without `debug_assertions`) refuses it, because endpoints could then reach the
    /// services of the server itself. [`dangerous_development_in_release`](Self::dangerous_development_in_release) allows it there too.
    ///
    /// ```
    /// use hookwire::endpoint::{NewEndpoint, Target};
    /// use hookwire::sender::Sender;
    /// use hookwire::store::MemoryStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sender = Sender::builder(MemoryStore::new()).for_development().build()?;
    /// let local = NewEndpoint::at(Target::parse("http://127.0.0.1:3000/hook")?);
    /// assert!(sender.endpoints().create(local).await.is_ok());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn for_development(mut self) -> Self {
        self.development.requested = Some(For::Person);
        self
    }

    /// Like [development mode](Self::for_development), for tests against a server on this machine: a failed attempt is retried after 1, 2,
    /// 5, 10 and 30 milliseconds. A test that is built for release needs
    /// [`dangerous_development_in_release`](Self::dangerous_development_in_release) as well.
    ///
    /// ```
    /// use hookwire::sender::Sender;
    /// use hookwire::store::MemoryStore;
    ///
    /// assert!(Sender::builder(MemoryStore::new()).for_tests().build().is_ok());
    /// ```
    #[must_use]
    pub const fn for_tests(mut self) -> Self {
        self.development.requested = Some(For::Test);
        self
    }

    /// Also allows [development mode](Self::for_development) in a release build, for a load test or a demonstration. Do not let
    /// strangers register endpoints with such a sender.
    #[must_use]
    pub const fn dangerous_development_in_release(mut self) -> Self {
        self.development.in_release = true;
        self
    }

    /// Builds the sender.
    ///
    /// # Errors
    /// Returns a [`SenderConfigError`] that names the invalid setting.
    pub fn build(self) -> Result<Sender, SenderConfigError> {
        self.checked()?.assemble()
    }

    fn assemble(self) -> Result<Sender, SenderConfigError> {
        let egress = self.http.egress.clone();
        // Other processes cache the endpoint, perhaps by a clock that runs at half the speed, and begin an attempt at the last moment.
        let quiet_after = self.cache_for * 2 + self.http.longest_exchange() + Duration::from_secs(2);
        let key_retention = self.worker.key_retention;
        // Signatures contain the time of the wall clock; everything else uses a clock that never jumps.
        let (wall, clock) = (self.clock.clone(), Arc::new(SteadyClock::new(self.clock)) as Arc<dyn Clock>);
        let client = HttpClient::new(self.http, clock.clone())?;
        let directory = Arc::new(CachedDirectory::new(self.store.clone(), clock.clone(), self.cache_for));
        let (store, quotas) = (self.store, self.quotas);
        let fan_out = FanOut { directory: directory.clone(), clock: clock.clone(), quotas, types: self.types };
        let default = self.retry.unwrap_or_else(|| Arc::new(self.development.retry()));
        let policies = Arc::new(Policies { default, named: self.named, by_type: self.by_type });
        let signers = Arc::new(self.signers);
        let reporting =
            Reporting { rules: self.rules, failing_after: self.failing_after, as_events: self.operator.is_some() };
        let health = Arc::new(HealthMonitor::new(store.clone(), directory.clone(), clock.clone(), reporting));
        let relay = Relay { store: store.clone(), fan_out: fan_out.clone() };
        let deliver = HttpDeliver {
            client: client.clone(),
            wall,
            propagator: self.propagator,
            marks: self.marks,
            health: health.clone(),
            policies: policies.clone(),
            signers: signers.clone(),
            relay,
            operator: self.operator,
            details: self.details,
            notes: WaitingNotes::default(),
            jobs: JobRunner {
                store: store.clone(),
                directory: directory.clone(),
                clock: clock.clone(),
                backlog: quotas.backlog,
            },
        };
        let engine = Engine::new(store.clone(), Arc::new(deliver), clock.clone(), self.worker);
        let shared = Shared {
            store,
            directory,
            engine,
            clock,
            egress,
            quotas,
            fan_out,
            health,
            policies,
            signers,
            client,
            ownership: self.ownership,
            replays: ReplayTurns::default(),
            quiet_after,
            key_retention,
        };
        Ok(Sender { shared: Arc::new(shared) })
    }

    /// Checks the settings, and applies those that change others.
    fn checked(mut self) -> Result<Self, SenderConfigError> {
        if let Some(policy) = self.egress.take() {
            self.http.egress = policy;
        }
        self.development.check(!cfg!(debug_assertions))?;
        self.http.egress = self.development.egress(self.http.egress);
        self.worker.check(self.http.longest_exchange())?;
        let reserved = |name: &&HeaderName| check_custom_header(name.as_str(), "").is_err();
        if let Some(name) = self.marks.names().find(reserved) {
            return Err(SenderConfigError::Header { name: name.clone() });
        }
        if self.details.response_body > MAX_BODY_BYTES {
            return Err(SenderConfigError::ResponseBody { max: MAX_BODY_BYTES });
        }
        if self.details.of == KeptDetails::All {
            self.http.measured = Measured::All;
        }
        Ok(self)
    }
}
