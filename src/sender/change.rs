//! A change to an endpoint, and the rights of the caller who makes it.

use std::sync::Arc;

use super::error::EndpointError;
use crate::clock::Timestamp;
use crate::endpoint::{
    CustomHeaders, DisableReason, Endpoint, EndpointState, Filter, Labels, Limits, OnFailure, Target,
};

/// The caller who makes a change. An owner cannot undo the decisions of an operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Actor {
    /// The application, or an operator.
    #[default]
    Operator,
    /// The tenant of the endpoint.
    Owner,
}

impl Actor {
    /// The reason that is recorded when this actor disables an endpoint.
    pub(super) const fn reason(self) -> DisableReason {
        match self {
            Self::Operator => DisableReason::Operator,
            Self::Owner => DisableReason::Requested,
        }
    }

    /// Sets the limits. An owner cannot exceed the limits that an operator has set, or `most` if no operator has set any.
    pub(super) fn limit(self, endpoint: &mut Endpoint, limits: Limits, most: Limits) -> Result<(), EndpointError> {
        match self {
            Self::Operator => endpoint.ceiling = Some(limits),
            Self::Owner => within(limits, endpoint.ceiling.unwrap_or(most))?,
        }
        endpoint.limits = limits;
        Ok(())
    }

    /// Fails if this actor may not enable the endpoint or change its target, because an operator disabled it.
    pub(super) const fn check_may_enable(self, endpoint: &Endpoint) -> Result<(), EndpointError> {
        match self {
            Self::Owner if is_disabled_by_operator(endpoint) => Err(EndpointError::DisabledByOperator),
            _ => Ok(()),
        }
    }
}

pub(super) const fn is_disabled_by_operator(endpoint: &Endpoint) -> bool {
    matches!(endpoint.state, EndpointState::Disabled { reason: DisableReason::Operator, .. })
}

/// When the endpoint was disabled by a move to another store.
pub(super) const fn moved_at(endpoint: &Endpoint) -> Option<Timestamp> {
    match endpoint.state {
        EndpointState::Disabled { reason: DisableReason::Moved, at } => Some(at),
        _ => None,
    }
}

/// Fails for an endpoint that another store has, or will have in a moment.
pub(super) const fn not_moved(endpoint: &Endpoint) -> Result<(), EndpointError> {
    if moved_at(endpoint).is_some() { Err(EndpointError::Moved) } else { Ok(()) }
}

/// Fails if an owner may not have these limits.
pub(super) fn within(limits: Limits, most: Limits) -> Result<(), EndpointError> {
    limits.exceeded(most).map_or(Ok(()), |field| Err(EndpointError::AboveCeiling { field, most }))
}

/// A change to an endpoint. Only the fields that are set change.
///
/// ```
/// use hookwire::endpoint::Filter;
/// use hookwire::sender::EndpointChange;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sender = hookwire::sender::Sender::builder(hookwire::store::MemoryStore::new()).build()?;
/// # let new = hookwire::endpoint::NewEndpoint::https("https://acme.example/hooks")?;
/// # let id = sender.endpoints().create(new).await?.id;
/// let change = EndpointChange::new().filter(Filter::new(vec!["invoice.*".parse()?])?).at_version(1);
/// let changed = sender.endpoints().update(id, change.clone()).await?;
/// assert_eq!((changed.version, changed.filter.patterns().len()), (2, 1));
/// assert!(sender.endpoints().update(id, change).await.is_err(), "the endpoint no longer has version 1");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct EndpointChange {
    pub(super) target: Option<Target>,
    pub(super) filter: Option<Filter>,
    pub(super) limits: Option<Limits>,
    pub(super) on_failure: Option<OnFailure>,
    pub(super) retry: Option<Option<Arc<str>>>,
    pub(super) schemes: Option<Vec<Arc<str>>>,
    pub(super) headers: Option<CustomHeaders>,
    pub(super) enabled: Option<bool>,
    pub(super) labels: Option<Labels>,
    pub(super) version: Option<u64>,
    pub(super) actor: Actor,
}

impl EndpointChange {
    /// The names of the fields that are set, for the audit log.
    pub(super) fn fields(&self) -> String {
        let set = [
            ("url", self.target.is_some()),
            ("filter", self.filter.is_some()),
            ("limits", self.limits.is_some()),
            ("on_failure", self.on_failure.is_some()),
            ("retry", self.retry.is_some()),
            ("schemes", self.schemes.is_some()),
            ("headers", self.headers.is_some()),
            ("labels", self.labels.is_some()),
            ("enabled", self.enabled == Some(true)),
            ("disabled", self.enabled == Some(false)),
        ];
        let names: Vec<_> = set.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect();
        names.join(", ")
    }

    /// An empty change.
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes the target. The egress guard checks it.
    pub fn target(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    /// Changes which events the endpoint gets.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Changes the limits.
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Changes what happens to an ordering key whose first delivery failed.
    pub const fn on_failure(mut self, rule: OnFailure) -> Self {
        self.on_failure = Some(rule);
        self
    }

    /// Changes the retry policy, by its name. With `None` the endpoint uses the policy of the event type, or the sender's own.
    pub fn retry(mut self, name: Option<&str>) -> Self {
        self.retry = Some(name.map(Into::into));
        self
    }

    /// Changes the schemes. For a migration, name the old and the new scheme: every request carries both signatures.
    pub fn schemes<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.schemes = Some(names.into_iter().map(|name| name.as_ref().into()).collect());
        self
    }

    /// Replaces all headers.
    pub fn headers(mut self, headers: CustomHeaders) -> Self {
        self.headers = Some(headers);
        self
    }

    /// Replaces all labels.
    pub fn labels(mut self, labels: Labels) -> Self {
        self.labels = Some(labels);
        self
    }

    /// Makes the change only if the endpoint has this [`version`](Endpoint::version); otherwise the update fails with
    /// [`Conflict`](EndpointError::Conflict).
    pub const fn at_version(mut self, version: u64) -> Self {
        self.version = Some(version);
        self
    }

    /// Enables the endpoint. Held deliveries are sent, oldest first: at first one at a time, then within the limits. The count of its
    /// failures is reset.
    pub const fn enabled(mut self) -> Self {
        self.enabled = Some(true);
        self
    }

    /// Disables the endpoint: its deliveries are held.
    pub const fn disabled(mut self) -> Self {
        self.enabled = Some(false);
        self
    }

    /// Makes the change with the rights of the endpoint's owner. An owner cannot enable an endpoint that an operator has disabled,
    /// and cannot set limits above those that an operator has set.
    pub const fn for_owner(mut self) -> Self {
        self.actor = Actor::Owner;
        self
    }
}
