//! Where a tenant wants events: target, filter, keys, limits, state.

mod custom_header;
mod headers;
mod health;
mod target;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use self::custom_header::{CustomHeaderError, check_custom_header};
pub use self::headers::{CustomHeaders, MAX_HEADER_BYTES, MAX_HEADERS};
pub use self::health::{Condition, Health, HealthRules};
pub use self::target::{Host, MAX_URL_BYTES, Target, TargetError};
use crate::clock::Timestamp;
use crate::delivery::Next;
use crate::event::{EventType, Pattern};
use crate::id::{EndpointId, Tenant};
use crate::retry::FailReason;
use crate::secret::{Entry, Key, KeyError, KeyProvider, Keyring, SealError};

/// Most patterns one filter may hold.
pub const MAX_PATTERNS: usize = 64;

/// Which events an endpoint wants. An empty filter is not possible; the default is all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Pattern>", into = "Vec<Pattern>")]
pub struct Filter(Vec<Pattern>);

/// A filter holds no pattern, or too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("events: must be 1 to {MAX_PATTERNS} patterns, are {0}")]
pub struct FilterError(usize);

impl Filter {
    /// A filter of these patterns.
    ///
    /// # Errors
    /// When there is none, or more than [`MAX_PATTERNS`].
    pub fn new(patterns: Vec<Pattern>) -> Result<Self, FilterError> {
        match patterns.len() {
            1..=MAX_PATTERNS => Ok(Self(patterns)),
            count => Err(FilterError(count)),
        }
    }

    /// Whether any pattern matches.
    #[must_use]
    pub fn matches(&self, event_type: &EventType) -> bool {
        self.0.iter().any(|pattern| pattern.matches(event_type))
    }

    /// Its patterns.
    #[must_use]
    pub fn patterns(&self) -> &[Pattern] {
        &self.0
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self(vec![Pattern::ALL])
    }
}

impl TryFrom<Vec<Pattern>> for Filter {
    type Error = FilterError;

    fn try_from(patterns: Vec<Pattern>) -> Result<Self, FilterError> {
        Self::new(patterns)
    }
}

impl From<Filter> for Vec<Pattern> {
    fn from(filter: Filter) -> Self {
        filter.0
    }
}

/// What an endpoint may use at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Limits {
    /// Attempts in flight at the same time, from one process. Default 8.
    pub concurrency: NonZeroU32,
    /// Attempts begun in a span of time, from one process. Default: no limit.
    #[serde(default)]
    pub rate: Option<Rate>,
}

/// At most `count` attempts begin in any span `per`, spread out: after an idle time up to `count` may begin at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "two numbers, made by the application")]
pub struct Rate {
    /// How many.
    pub count: NonZeroU32,
    /// In which time.
    pub per: Duration,
}

/// What becomes of an ordering key when its head has failed for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OnFailure {
    /// The next delivery of the key follows.
    #[default]
    Skip,
    /// The key is parked: its head is held, and everything behind it waits, until the head is resent or cancelled.
    Park,
}

impl Default for Limits {
    fn default() -> Self {
        Self { concurrency: NonZeroU32::MIN.saturating_add(7), rate: None }
    }
}

impl Limits {
    /// These limits with another concurrency.
    #[must_use]
    pub const fn with_concurrency(mut self, concurrency: NonZeroU32) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// These limits with a rate; `None` for none.
    #[must_use]
    pub const fn with_rate(mut self, rate: Option<Rate>) -> Self {
        self.rate = rate;
        self
    }
}

/// Whether an endpoint is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
#[non_exhaustive]
pub enum EndpointState {
    /// Deliveries are attempted.
    Enabled,
    /// Deliveries, old and new, are held until it is enabled again.
    Disabled {
        /// Why.
        reason: DisableReason,
        /// Since when.
        at: Timestamp,
    },
}

/// Why an endpoint is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DisableReason {
    /// Somebody disabled it through the API.
    Requested,
    /// It answered 410 Gone.
    Gone,
    /// Its owner has not said yet that it may be served.
    Unproven,
    /// The retry policy decided so.
    Policy,
    /// It did nothing but fail for too long: [`HealthRules`].
    Failing,
}

/// Why a delivery that disables its endpoint does so.
impl From<FailReason> for DisableReason {
    fn from(reason: FailReason) -> Self {
        if reason == FailReason::Gone { Self::Gone } else { Self::Policy }
    }
}

/// Where a tenant wants events.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// Whose it is.
    pub tenant: Tenant,
    /// Where requests go.
    pub target: Target,
    /// Which events it wants.
    pub filter: Filter,
    /// What requests to it are signed with.
    pub keys: Keyring,
    /// By which schemes requests to it are signed, by the names under which the sender knows them; empty: Standard Webhooks.
    pub schemes: Vec<Arc<str>>,
    /// What its owner wants on every request, credentials among it.
    pub headers: CustomHeaders,
    /// What it may use.
    pub limits: Limits,
    /// What becomes of an ordering key when its head has failed.
    pub on_failure: OnFailure,
    /// The retry policy that decides on its deliveries, by the name under which the sender knows it; `None`: by event type, or
    /// the sender's own.
    pub retry: Option<Arc<str>>,
    /// Whether it is served.
    pub state: EndpointState,
    /// Whether requests to it carry the trace they belong to.
    pub traced: bool,
    /// How it has been answering. Read from the store; putting an endpoint does not change it, except that enabling a
    /// disabled one forgives its failures.
    pub health: Health,
    /// Set when the egress guard refused its target at delivery: somebody should look at it.
    pub flagged_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Rises with every change; 1 when it is new.
    pub version: u64,
}

impl Endpoint {
    /// A new, enabled endpoint.
    #[must_use]
    pub fn new(new: NewEndpoint, keys: Keyring, now: Timestamp) -> Self {
        Self {
            id: EndpointId::generate(now),
            tenant: new.tenant,
            target: new.target,
            filter: new.filter,
            keys: new.keys.unwrap_or(keys),
            schemes: new.schemes,
            headers: new.headers,
            limits: new.limits,
            on_failure: new.on_failure,
            retry: new.retry,
            traced: new.traced,
            state: EndpointState::Enabled,
            health: Health::default(),
            flagged_at: None,
            created_at: now,
            version: 1,
        }
    }

    /// Whether deliveries to it are attempted.
    #[must_use]
    pub const fn is_enabled(&self) -> bool {
        matches!(self.state, EndpointState::Enabled)
    }

    /// What becomes of it when a delivery has failed for good: it may be disabled, or flagged as blocked; `None` when nothing
    /// changes. A store applies this in the transaction that settles the delivery.
    #[must_use]
    pub fn affected_by(&self, next: Next, at: Timestamp) -> Option<Self> {
        let mut changed = Self { version: self.version + 1, ..self.clone() };
        match next {
            Next::Disable { reason } if self.is_enabled() => {
                changed.state = EndpointState::Disabled { reason: reason.into(), at };
            }
            Next::Failed { reason: FailReason::Blocked } if self.flagged_at.is_none() => changed.flagged_at = Some(at),
            _ => return None,
        }
        Some(changed)
    }

    /// Whether events of this tenant and type are owed to it.
    #[must_use]
    pub fn wants(&self, tenant: &Tenant, event_type: &EventType) -> bool {
        matches!(self.verdict(tenant, event_type), Verdict::Receives | Verdict::Holds)
    }

    /// What it does with events of this tenant and type, and why.
    #[must_use]
    pub fn verdict(&self, tenant: &Tenant, event_type: &EventType) -> Verdict {
        if self.tenant != *tenant {
            Verdict::OtherTenant
        } else if !self.filter.matches(event_type) {
            Verdict::NotWanted
        } else if self.is_enabled() {
            Verdict::Receives
        } else {
            Verdict::Holds
        }
    }
}

/// What an endpoint does with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It gets it.
    Receives,
    /// It is disabled: its delivery is held until it is enabled.
    Holds,
    /// None of its patterns matches the type.
    NotWanted,
    /// It belongs to another tenant.
    OtherTenant,
}

/// What an application says of an endpoint it creates.
///
/// ```
/// use hookwire::endpoint::NewEndpoint;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let endpoint = NewEndpoint::https("https://acme.example/hooks")?.tenant("acme").events(["invoice.*"])?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct NewEndpoint {
    pub(crate) tenant: Tenant,
    pub(crate) target: Target,
    pub(crate) filter: Filter,
    pub(crate) keys: Option<Keyring>,
    pub(crate) schemes: Vec<Arc<str>>,
    pub(crate) headers: CustomHeaders,
    pub(crate) limits: Limits,
    pub(crate) on_failure: OnFailure,
    pub(crate) retry: Option<Arc<str>>,
    pub(crate) traced: bool,
}

/// Why an endpoint cannot be described so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NewEndpointError {
    /// The URL is malformed.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A pattern is malformed.
    #[error(transparent)]
    Pattern(#[from] crate::event::PatternError),
    /// No pattern, or too many.
    #[error(transparent)]
    Filter(#[from] FilterError),
}

impl NewEndpoint {
    /// An endpoint at an `https` URL.
    ///
    /// # Errors
    /// When it is not an `https` URL that hookwire accepts; see [`Target`].
    pub fn https(url: &str) -> Result<Self, NewEndpointError> {
        let target = Target::parse(url)?;
        if target.is_https() { Ok(Self::at(target)) } else { Err(TargetError::NotHttps.into()) }
    }

    /// An endpoint at any target. Plain `http` is refused when it is created, unless the sender's egress policy
    /// dangerously allows it.
    #[must_use]
    pub fn at(target: Target) -> Self {
        let (tenant, filter, limits) = (Tenant::default(), Filter::default(), Limits::default());
        let (schemes, headers) = (Vec::new(), CustomHeaders::new());
        Self {
            tenant,
            target,
            filter,
            keys: None,
            schemes,
            headers,
            limits,
            on_failure: OnFailure::Skip,
            retry: None,
            traced: false,
        }
    }

    /// Whose it is. Without this: [`Tenant::default`].
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<Tenant>) -> Self {
        self.tenant = tenant.into();
        self
    }

    /// Which events it wants. Without this: all.
    ///
    /// # Errors
    /// When a pattern is malformed, or there is none, or more than [`MAX_PATTERNS`].
    pub fn events<I>(mut self, patterns: I) -> Result<Self, NewEndpointError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let patterns = patterns.into_iter().take(MAX_PATTERNS + 1).map(|text| text.as_ref().parse());
        self.filter = Filter::new(patterns.collect::<Result<_, _>>()?)?;
        Ok(self)
    }

    /// What requests are signed with. Without this: a fresh `whsec_` key.
    #[must_use]
    pub fn keys(mut self, keys: Keyring) -> Self {
        self.keys = Some(keys);
        self
    }

    /// By which schemes requests are signed, all of them on each request: `standard`, `stripe`, `github`, or what the sender was
    /// [given](crate::sender::SenderBuilder::signer). Without this: `standard`. Where `standard` is not among them, a fresh key
    /// is a text whose UTF-8 is the secret.
    #[must_use]
    pub fn schemes<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.schemes = names.into_iter().map(|name| name.as_ref().into()).collect();
        self
    }

    /// What its owner wants on every request.
    #[must_use]
    pub fn headers(mut self, headers: CustomHeaders) -> Self {
        self.headers = headers;
        self
    }

    /// What it may use at once.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Requests to it carry the trace they belong to (`traceparent`), by the sender's
    /// [propagator](crate::sender::SenderBuilder::propagate). Without this they do not: a stranger need not know.
    #[must_use]
    pub const fn traced(mut self) -> Self {
        self.traced = true;
        self
    }

    /// The retry policy, by the name under which the sender knows it. Without this: by event type, or the sender's own.
    #[must_use]
    pub fn retry(mut self, name: impl Into<Arc<str>>) -> Self {
        self.retry = Some(name.into());
        self
    }

    /// What becomes of an ordering key when its head has failed for good. Without this: the next one follows.
    #[must_use]
    pub const fn on_failure(mut self, rule: OnFailure) -> Self {
        self.on_failure = rule;
        self
    }
}

/// An endpoint as a store keeps it, **its keys in the clear** until they are [sealed](Self::sealed_by). For implementors of
/// [`Directory`](crate::store::Directory); it is not part of any API that an endpoint's owner should see.
#[derive(Clone, Serialize, Deserialize)]
pub struct EndpointRecord {
    target: String,
    filter: Filter,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    keys: Vec<KeyRecord>,
    #[serde(default)]
    schemes: Vec<Arc<str>>,
    #[serde(default, skip_serializing_if = "CustomHeaders::is_empty")]
    headers: CustomHeaders,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<Sealed>,
    limits: Limits,
    #[serde(default)]
    on_failure: OnFailure,
    #[serde(default)]
    retry: Option<Arc<str>>,
    #[serde(default)]
    traced: bool,
    #[serde(flatten)]
    state: EndpointState,
    flagged_at: Option<Timestamp>,
    created_at: Timestamp,
}

/// Keys and headers, sealed together.
#[derive(Clone, Serialize, Deserialize)]
struct Sealed {
    /// The id of the key that sealed them.
    by: String,
    /// Base64 of what it made.
    data: String,
}

#[derive(Clone, Serialize, Deserialize)]
struct KeyRecord {
    key: String,
    retires_at: Option<Timestamp>,
}

impl std::fmt::Debug for EndpointRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EndpointRecord").field("state", &self.state).finish_non_exhaustive()
    }
}

/// A stored endpoint cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Its URL.
    #[error("stored endpoint: target")]
    Target(#[source] TargetError),
    /// One of its keys.
    #[error("stored endpoint: keys")]
    Key(#[source] KeyError),
}

impl EndpointRecord {
    /// What a store keeps beside id, tenant and version.
    #[must_use]
    pub fn of(endpoint: &Endpoint) -> Self {
        let key = |entry: &Entry| KeyRecord { key: entry.key.expose().to_string(), retires_at: entry.retires_at };
        Self {
            target: endpoint.target.as_str().into(),
            filter: endpoint.filter.clone(),
            keys: endpoint.keys.entries().iter().map(key).collect(),
            schemes: endpoint.schemes.clone(),
            headers: endpoint.headers.clone(),
            sealed: None,
            limits: endpoint.limits,
            on_failure: endpoint.on_failure,
            retry: endpoint.retry.clone(),
            traced: endpoint.traced,
            state: endpoint.state,
            flagged_at: endpoint.flagged_at,
            created_at: endpoint.created_at,
        }
    }

    /// The same, its keys and headers sealed.
    ///
    /// # Errors
    /// When the provider cannot.
    pub fn sealed_by(mut self, provider: &dyn KeyProvider, id: EndpointId) -> Result<Self, SealError> {
        let secrets = (std::mem::take(&mut self.keys), std::mem::take(&mut self.headers));
        let plain =
            serde_json::to_vec(&secrets).map(Zeroizing::new).map_err(|error| SealError::Provider(error.into()))?;
        let data = BASE64.encode(provider.seal(&plain, id.as_bytes())?);
        self.sealed = Some(Sealed { by: provider.current().into(), data });
        Ok(self)
    }

    /// Whether it is sealed by the provider's current key, or in the clear where there is none.
    #[must_use]
    pub fn is_sealed_as(&self, provider: Option<&dyn KeyProvider>) -> bool {
        self.sealed.as_ref().map(|sealed| &*sealed.by) == provider.map(KeyProvider::current)
    }

    /// The same, in the clear.
    ///
    /// # Errors
    /// When it is sealed and there is no provider, or that cannot open it.
    pub fn opened_by(mut self, provider: Option<&dyn KeyProvider>, id: EndpointId) -> Result<Self, SealError> {
        let Some(sealed) = self.sealed.take() else { return Ok(self) };
        let provider = provider.ok_or(SealError::NoProvider)?;
        let data = BASE64.decode(&sealed.data).map_err(|_| SealError::Broken)?;
        let plain = provider.open(&sealed.by, &data, id.as_bytes())?;
        (self.keys, self.headers) = serde_json::from_slice(&plain).map_err(|_| SealError::Broken)?;
        Ok(self)
    }

    /// The endpoint again.
    ///
    /// # Errors
    /// When a field no longer reads, or is sealed.
    pub fn restore(self, id: EndpointId, tenant: Tenant, version: u64) -> Result<Endpoint, RecordError> {
        let entry = |record: KeyRecord| Ok(Entry { key: Key::restore(&record.key)?, retires_at: record.retires_at });
        let entries = self.keys.into_iter().map(entry).collect::<Result<_, _>>().map_err(RecordError::Key)?;
        Ok(Endpoint {
            id,
            tenant,
            target: Target::parse(&self.target).map_err(RecordError::Target)?,
            filter: self.filter,
            keys: Keyring::from_entries(entries).map_err(RecordError::Key)?,
            schemes: self.schemes,
            headers: self.headers,
            limits: self.limits,
            on_failure: self.on_failure,
            retry: self.retry,
            traced: self.traced,
            state: self.state,
            health: Health::default(),
            flagged_at: self.flagged_at,
            created_at: self.created_at,
            version,
        })
    }
}
