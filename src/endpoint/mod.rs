//! Endpoints: the URLs at which tenants receive events, with their filter, keys, limits and state.

mod custom_header;
mod error;
mod filter;
mod headers;
mod health;
mod labels;
mod limits;
mod new;
mod record;
mod state;
mod target;
mod url;

use std::sync::Arc;

#[cfg(feature = "sender")]
pub(crate) use self::custom_header::check_custom_header;
pub use self::error::{MAX_HEADER_BYTES, MAX_HEADERS, MAX_LABEL_BYTES, MAX_LABELS, MAX_URL_BYTES};
pub use self::filter::{Filter, MAX_PATTERNS};
pub use self::headers::CustomHeaders;
pub use self::health::Health;
pub use self::labels::Labels;
pub use self::limits::{Limits, Rate};
pub use self::new::NewEndpoint;
pub use self::record::EndpointRecord;
pub use self::state::{DisableReason, EndpointState, OnFailure};
pub use self::target::Target;
use crate::clock::Timestamp;
use crate::event::EventType;
use crate::id::{EndpointId, Tenant};
use crate::retry::{Decision, FailReason};
use crate::secret::Keyring;

/// An endpoint as it is stored: where and how a tenant receives events. The application creates it from a [`NewEndpoint`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Endpoint {
    /// The id.
    pub id: EndpointId,
    /// The tenant that the endpoint belongs to.
    pub tenant: Tenant,
    /// The URL that requests go to.
    pub target: Target,
    /// Whether the URL cannot be changed, because the endpoint belongs to a subscription. A new subscription makes a new endpoint.
    pub fixed_target: bool,
    /// The event types that it subscribes to.
    pub filter: Filter,
    /// The keys that requests are signed with.
    pub keys: Keyring,
    /// The schemes that requests are signed by, under the names that the sender knows. Empty for Standard Webhooks.
    pub schemes: Vec<Arc<str>>,
    /// Headers that the tenant wants on every request, such as credentials.
    pub headers: CustomHeaders,
    /// Limits on attempts.
    pub limits: Limits,
    /// The highest limits that the tenant may set; `None` if no operator has set any.
    pub ceiling: Option<Limits>,
    /// What happens to an ordering key after its first delivery has failed.
    pub on_failure: OnFailure,
    /// The retry policy of its deliveries, under the name that the sender knows; `None` for the policy of the event type or of
    /// the sender.
    pub retry: Option<Arc<str>>,
    /// Whether deliveries to it are attempted.
    pub state: EndpointState,
    /// Whether requests carry the trace context (`traceparent`).
    pub traced: bool,
    /// Labels of the application.
    pub labels: Labels,
    /// Its last successes and failures. [`Directory::put`](crate::store::Directory::put) does not write it; it clears the failures
    /// when it enables a disabled endpoint.
    pub health: Health,
    /// When the egress guard first refused its URL at a delivery; `None` if it has not. Such an endpoint needs attention.
    pub flagged_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Increases with every change. A new endpoint has 1.
    pub version: u64,
}

impl Endpoint {
    /// A new, enabled endpoint with a generated id. `keys` is used if `new` has no keys.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::endpoint::{Endpoint, NewEndpoint};
    /// use hookwire::secret::{Key, Keyring};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let new = NewEndpoint::https("https://acme.example/hooks")?.tenant("acme");
    /// let endpoint = Endpoint::new(new, Keyring::new(Key::generate()?), Timestamp::from_secs(1_700_000_000));
    /// assert!(endpoint.is_enabled());
    /// assert_eq!((endpoint.tenant.as_str(), endpoint.version), ("acme", 1));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn new(new: NewEndpoint, keys: Keyring, now: Timestamp) -> Self {
        Self {
            id: new.id.unwrap_or_else(|| EndpointId::generate(now)),
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

    /// The endpoint after this decision on one of its deliveries: disabled, or flagged because the egress guard blocked it. `None`
    /// if nothing changes. A store applies it in the transaction that settles the delivery.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::endpoint::{DisableReason, Endpoint, EndpointState, NewEndpoint};
    /// use hookwire::retry::{Decision, FailReason};
    /// use hookwire::secret::{Key, Keyring};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let new = NewEndpoint::https("https://acme.example/hooks")?;
    /// let endpoint = Endpoint::new(new, Keyring::new(Key::generate()?), Timestamp::EPOCH);
    /// let at = Timestamp::from_secs(60);
    /// let after = endpoint.affected_by(Decision::Disable { reason: FailReason::Gone }, at).expect("it changes");
    /// assert_eq!(after.state, EndpointState::Disabled { reason: DisableReason::Gone, at });
    /// assert!(endpoint.affected_by(Decision::Delivered, at).is_none());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn affected_by(&self, decision: Decision, at: Timestamp) -> Option<Self> {
        let mut changed = Self { version: self.version + 1, ..self.clone() };
        match decision {
            Decision::Disable { reason } if self.is_enabled() => {
                changed.state = EndpointState::Disabled { reason: reason.into(), at };
            }
            Decision::Fail { reason: FailReason::Blocked } if self.flagged_at.is_none() => {
                changed.flagged_at = Some(at);
            }
            _ => return None,
        }
        Some(changed)
    }

    /// Whether it gets a delivery for events of this tenant and type, sent at once or held.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::endpoint::{Endpoint, NewEndpoint};
    /// use hookwire::event::EventType;
    /// use hookwire::id::Tenant;
    /// use hookwire::secret::{Key, Keyring};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let new = NewEndpoint::https("https://acme.example/hooks")?.tenant("acme");
    /// let endpoint = Endpoint::new(new, Keyring::new(Key::generate()?), Timestamp::EPOCH);
    /// let paid = EventType::new("invoice.paid")?;
    /// assert!(endpoint.wants(&Tenant::from("acme"), &paid));
    /// assert!(!endpoint.wants(&Tenant::from("globex"), &paid));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn wants(&self, tenant: &Tenant, event_type: &EventType) -> bool {
        matches!(self.verdict(tenant, event_type), Verdict::Receives | Verdict::Holds)
    }

    /// Whether it gets events of this tenant and type, and if not, why.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::endpoint::{Endpoint, NewEndpoint, Verdict};
    /// use hookwire::event::EventType;
    /// use hookwire::id::Tenant;
    /// use hookwire::secret::{Key, Keyring};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let new = NewEndpoint::https("https://acme.example/hooks")?.tenant("acme").events(["invoice.*"])?;
    /// let endpoint = Endpoint::new(new, Keyring::new(Key::generate()?), Timestamp::EPOCH);
    /// let (acme, created) = (Tenant::from("acme"), EventType::new("user.created")?);
    /// assert_eq!(endpoint.verdict(&acme, &EventType::new("invoice.paid")?), Verdict::Receives);
    /// assert_eq!(endpoint.verdict(&acme, &created), Verdict::NotSubscribed);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn verdict(&self, tenant: &Tenant, event_type: &EventType) -> Verdict {
        if self.tenant != *tenant {
            Verdict::OtherTenant
        } else if !self.filter.matches(event_type) {
            Verdict::NotSubscribed
        } else if self.is_enabled() {
            Verdict::Receives
        } else {
            Verdict::Holds
        }
    }
}

/// Whether an endpoint gets an event, and if not, why: [`Endpoint::verdict`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It gets the event.
    Receives,
    /// It is disabled: its delivery is held until the endpoint is enabled.
    Holds,
    /// Its filter does not match the event type.
    NotSubscribed,
    /// It belongs to another tenant.
    OtherTenant,
}
