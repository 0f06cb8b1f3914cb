//! Where a tenant wants events: target, filter, keys, limits, state.

mod custom_header;
mod headers;
mod health;
mod labels;
mod new;
mod record;
mod target;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::custom_header::{CustomHeaderError, check_custom_header};
pub use self::headers::{CustomHeaders, MAX_HEADER_BYTES, MAX_HEADERS};
pub use self::health::{Condition, Health, HealthRules};
pub use self::labels::{LabelError, Labels, MAX_LABEL_BYTES, MAX_LABELS};
pub use self::new::{NewEndpoint, NewEndpointError};
pub use self::record::{EndpointRecord, RecordError};
pub use self::target::{Host, MAX_URL_BYTES, Target, TargetError};
use crate::clock::Timestamp;
use crate::delivery::Next;
use crate::event::{EventType, Pattern};
use crate::id::{EndpointId, Tenant};
use crate::retry::FailReason;
use crate::secret::Keyring;

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

impl Rate {
    /// Whether it allows more in the long run, or more at once.
    fn is_faster_than(self, other: Self) -> bool {
        let in_the_long_run = |rate: Self, per: Duration| per.as_nanos().saturating_mul(rate.count.get().into());
        self.count > other.count || in_the_long_run(self, other.per) > in_the_long_run(other, self.per)
    }
}

impl std::fmt::Display for Limits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "at most {} at a time", self.concurrency)?;
        match self.rate {
            Some(rate) => write!(f, ", at most {} in {:?}", rate.count, rate.per),
            None => Ok(()),
        }
    }
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

    /// The name of a limit that is above that of `most`; `None` where all are within it.
    #[must_use]
    pub fn exceeded(self, most: Self) -> Option<&'static str> {
        let is_faster = most.rate.is_some_and(|most| self.rate.is_none_or(|rate| rate.is_faster_than(most)));
        if self.concurrency > most.concurrency {
            Some("concurrency")
        } else if is_faster {
            Some("rate")
        } else {
            None
        }
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
    /// Its owner asked for it.
    Requested,
    /// The application or an operator has disabled it: its owner cannot enable it.
    Operator,
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
    /// Whether its URL cannot be changed: it belongs to something else, such as a subscription, that is made anew for another URL.
    pub fixed_target: bool,
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
    /// The most that its owner may set as its limits, where an operator has set limits.
    pub ceiling: Option<Limits>,
    /// What becomes of an ordering key when its head has failed.
    pub on_failure: OnFailure,
    /// The retry policy that decides on its deliveries, by the name under which the sender knows it; `None`: by event type, or
    /// the sender's own.
    pub retry: Option<Arc<str>>,
    /// Whether it is served.
    pub state: EndpointState,
    /// Whether requests to it carry the trace they belong to.
    pub traced: bool,
    /// What the application notes on it.
    pub labels: Labels,
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
            fixed_target: new.fixed_target,
            filter: new.filter,
            keys: new.keys.unwrap_or(keys),
            schemes: new.schemes,
            headers: new.headers,
            limits: new.limits,
            ceiling: new.ceiling,
            on_failure: new.on_failure,
            retry: new.retry,
            traced: new.traced,
            labels: new.labels,
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
