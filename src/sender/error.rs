//! The errors of a sender.

use super::egress::Refusal;
use crate::endpoint::Limits;
use crate::event::SchemaViolation;
use crate::id::{EventId, IdError};
use crate::secret::KeyError;
use crate::store::StoreError;

/// The number of schemes that may sign one request.
pub(super) const MAX_SCHEMES: usize = 4;

/// An event was not accepted. Nothing of it was stored, except as described at [`DispatchError::Store`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DispatchError {
    /// The tenant's name is malformed.
    #[error(transparent)]
    Tenant(IdError),
    /// The payload is too long.
    #[error("payload: has {bytes} bytes, but at most {limit} are allowed; shorten it or raise max_payload")]
    PayloadTooLong {
        /// The length of the payload, including the envelope.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The time cannot be written as RFC 3339: it is before the year 0 or after 9999.
    #[error("occurred_at: must be between the years 0 and 9999")]
    OccurredAt,
    /// Another event of the tenant, with another type or payload, has this id.
    #[error("event id: `{0}` belongs to another event with another type or payload; use a new id")]
    IdConflict(EventId),
    /// The event was received by an inbox. An application must make a new event from its data.
    #[error("audience: an event that an inbox has received cannot be dispatched; make a new event from its data")]
    Received,
    /// The payload violates the schema of its event type.
    #[error(transparent)]
    SchemaViolation(#[from] SchemaViolation),
    /// The caller's [`Scope`](super::Scope) is read-only.
    #[error("scope: is read-only; use a scope that may change and send")]
    ReadOnly,
    /// The store failed. If [`StoreError::is_retryable`], the same event may be dispatched again under the same id; it is not sent twice.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An operation on an endpoint failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The tenant's name is malformed.
    #[error(transparent)]
    Tenant(IdError),
    /// The egress guard does not allow the target.
    #[error(transparent)]
    Target(#[from] Refusal),
    /// The tenant already has the maximum number of endpoints.
    #[error("tenant: has {limit} endpoints, which is the limit; remove one or raise the limit")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// No key could be generated, or the key cannot be added to the keyring.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The sender has no retry policy of this name.
    #[error("retry: the sender has no policy with this name; use a registered name")]
    UnknownPolicy,
    /// The sender has no scheme of this name.
    #[error("schemes: the sender has no scheme with this name; use a registered name")]
    UnknownScheme,
    /// The endpoint names more than four schemes.
    #[error("schemes: has too many elements; use at most {MAX_SCHEMES}")]
    TooManySchemes,
    /// The owner of the target has not agreed to receive deliveries.
    #[error("endpoint: the owner of its target has not agreed to deliveries; prove the ownership first")]
    Unproven,
    /// An operator has disabled the endpoint, and its owner tries to enable it or to change its URL.
    #[error("endpoint: was disabled by an operator; only an operator can enable it or change its URL")]
    DisabledByOperator,
    /// The URL cannot be changed, because the endpoint belongs to a subscription.
    #[error("url: belongs to a subscription; make a new subscription for another URL")]
    FixedTarget,
    /// The owner tries to set limits above those that an operator allows.
    #[error("limits.{field}: is above the limit of the operator; use at most {most}")]
    AboveCeiling {
        /// Which limit.
        field: &'static str,
        /// The allowed limit.
        most: Limits,
    },
    /// The owner starts a replay while too many deliveries are pending for the endpoint or for the tenant.
    #[error("replay: too many deliveries are pending; start it again after they have been sent")]
    TooManyWaiting,
    /// The owner starts a replay while another replay of the tenant is running.
    #[error("replay: another replay of the tenant is running; start it again after that one has ended")]
    ReplayRunning,
    /// The caller's [`Scope`](super::Scope) is read-only.
    #[error("scope: is read-only; use a scope that may change and send")]
    ReadOnly,
    /// No endpoint has this id, or it is out of scope.
    #[error("endpoint: does not exist; check the id")]
    NotFound,
    /// Another call changed the endpoint at the same time; read it again.
    #[error("endpoint: was changed by another call at the same time; read it again")]
    Conflict,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A delivery was not resent or cancelled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// No delivery has this id, or it is out of scope.
    #[error("delivery: does not exist; check the id")]
    NotFound,
    /// The delivery is in a state that does not allow the change: it is pending and cannot be resent, or it is final and cannot be
    /// cancelled. A delivery whose event was expunged cannot be resent either.
    #[error("delivery: is in a state that does not allow this change; read its state")]
    WrongState,
    /// The caller's [`Scope`](super::Scope) is read-only.
    #[error("scope: is read-only; use a scope that may change and send")]
    ReadOnly,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
