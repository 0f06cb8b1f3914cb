//! A change to an endpoint, and who may make it.

use std::sync::Arc;

use super::endpoints::EndpointError;
use crate::endpoint::{
    CustomHeaders, DisableReason, Endpoint, EndpointState, Filter, Labels, Limits, OnFailure, Target,
};

/// Who decides. What an operator has decided, an owner cannot undo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum By {
    /// The application, or an operator.
    #[default]
    Operator,
    /// The tenant whose endpoint it is.
    Owner,
}

impl By {
    /// Why an endpoint is disabled that was disabled so.
    pub(super) const fn reason(self) -> DisableReason {
        match self {
            Self::Operator => DisableReason::Operator,
            Self::Owner => DisableReason::Requested,
        }
    }

    /// Sets the limits. Those that an operator sets are the most that the owner may have; `most` is what an owner may have where no
    /// operator has set any.
    pub(super) fn limit(self, endpoint: &mut Endpoint, limits: Limits, most: Limits) -> Result<(), EndpointError> {
        match self {
            Self::Operator => endpoint.ceiling = Some(limits),
            Self::Owner => within(limits, endpoint.ceiling.unwrap_or(most))?,
        }
        endpoint.limits = limits;
        Ok(())
    }

    /// Whether it may be enabled, or sent elsewhere: an operator who has disabled an endpoint has judged what it is.
    pub(super) const fn may_serve(self, endpoint: &Endpoint) -> Result<(), EndpointError> {
        match self {
            Self::Owner if is_disabled_by_operator(endpoint) => Err(EndpointError::DisabledByOperator),
            _ => Ok(()),
        }
    }
}

pub(super) const fn is_disabled_by_operator(endpoint: &Endpoint) -> bool {
    matches!(endpoint.state, EndpointState::Disabled { reason: DisableReason::Operator, .. })
}

/// Whether an owner may have these limits.
pub(super) fn within(limits: Limits, most: Limits) -> Result<(), EndpointError> {
    limits.exceeded(most).map_or(Ok(()), |field| Err(EndpointError::AboveCeiling { field, most }))
}

/// A change to an endpoint: what is set is changed, the rest stays.
///
/// ```
/// use hookwire::sender::EndpointChange;
///
/// let change = EndpointChange::new().enabled();
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
    pub(super) by: By,
}

impl EndpointChange {
    /// No change.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another target. It is judged by the egress guard.
    pub fn target(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    /// Other events.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Other limits.
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Another rule for ordering keys whose head has failed.
    pub const fn on_failure(mut self, rule: OnFailure) -> Self {
        self.on_failure = Some(rule);
        self
    }

    /// Another retry policy, by its name; `None`: by event type, or the sender's own.
    pub fn retry(mut self, name: Option<&str>) -> Self {
        self.retry = Some(name.map(Into::into));
        self
    }

    /// Other schemes. For a migration name the old and the new one: every request carries both.
    pub fn schemes<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.schemes = Some(names.into_iter().map(|name| name.as_ref().into()).collect());
        self
    }

    /// Other headers.
    pub fn headers(mut self, headers: CustomHeaders) -> Self {
        self.headers = Some(headers);
        self
    }

    /// Other labels: all of them anew.
    pub fn labels(mut self, labels: Labels) -> Self {
        self.labels = Some(labels);
        self
    }

    /// Only if the endpoint still has this [`version`](Endpoint::version); else it is a [`Conflict`](EndpointError::Conflict).
    pub const fn at_version(mut self, version: u64) -> Self {
        self.version = Some(version);
        self
    }

    /// Serve it: held deliveries go out, oldest first, one at a time at first, then within its limits. Its failures are
    /// forgiven.
    pub const fn enabled(mut self) -> Self {
        self.enabled = Some(true);
        self
    }

    /// Do not serve it: its deliveries are held.
    pub const fn disabled(mut self) -> Self {
        self.enabled = Some(false);
        self
    }

    /// Makes the change with the rights of the endpoint's owner. The owner cannot enable an endpoint that an operator has disabled,
    /// and cannot set limits above those that an operator has set.
    pub const fn for_owner(mut self) -> Self {
        self.by = By::Owner;
        self
    }
}
