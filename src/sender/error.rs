//! The errors of a sender.

use std::sync::Arc;

use super::egress::Refusal;
use crate::endpoint::Limits;
use crate::field::FieldError;
use crate::id::{EndpointId, EventId, LaneId, Tenant};
use crate::secret::KeyError;
use crate::store::StoreError;

/// The number of schemes that may sign one request.
pub(super) const MAX_SCHEMES: usize = 4;

/// An event was not accepted. Nothing was stored, except as described at [`DispatchError::Store`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DispatchError {
    /// The tenant's name is malformed.
    #[error(transparent)]
    Tenant(FieldError),
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
    SchemaViolation(FieldError),
    /// The caller's [`Scope`](super::Scope) is read-only.
    #[error("scope: is read-only; use a scope that may change and send")]
    ReadOnly,
    /// The store that has the tenant was not found, or the tenant is being moved. Only [`Senders`](super::Senders) return this.
    #[error(transparent)]
    Shards(SendersError),
    /// The store failed. If [`StoreError::is_retryable`], the same event may be dispatched again under the same id; it is not sent twice.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<SendersError> for DispatchError {
    fn from(error: SendersError) -> Self {
        match error {
            SendersError::Store(error) => Self::Store(error),
            SendersError::Tenant(error) => Self::Tenant(error),
            error => Self::Shards(error),
        }
    }
}

/// An operation on an endpoint failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The tenant's name is malformed.
    #[error(transparent)]
    Tenant(FieldError),
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
    /// The owner has too many [jobs](super::Scoped::jobs) that are not finished.
    #[error("job: {limit} jobs are not finished, which is the limit; wait until one is finished, or stop one")]
    TooManyJobs {
        /// The limit.
        limit: u32,
    },
    /// The caller's [`Scope`](super::Scope) is read-only.
    #[error("scope: is read-only; use a scope that may change and send")]
    ReadOnly,
    /// The tenant is being moved to another store, or was moved there. See [`Senders::move_tenant`](super::Senders::move_tenant).
    #[error(
        "endpoint: its tenant is being moved to another store, or was moved there; change it there, or try again in a minute"
    )]
    Moved,
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
    /// No bulk job has this number, or it is out of scope.
    #[error("job: does not exist; check the number")]
    JobNotFound,
    /// The bulk job is finished.
    #[error("job: is finished; start a new one")]
    JobFinished,
    /// A worker recorded the progress of the bulk job at each try to stop it.
    #[error("job: was changed by a worker at the same time; stop it again")]
    JobChanged,
    /// The owner has too many [jobs](super::Scoped::jobs) that are not finished.
    #[error("job: {limit} jobs are not finished, which is the limit; wait until one is finished, or stop one")]
    TooManyJobs {
        /// The limit.
        limit: u32,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A call of [`Senders`](super::Senders) failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendersError {
    /// There is no sender.
    #[error("shards: are empty; give at least one sender")]
    NoShard,
    /// Two senders have one name.
    #[error("shards: `{0}` is the name of two senders; give each a name of its own")]
    RepeatedShard(Arc<str>),
    /// No sender has this name.
    #[error("shard: `{0}` is not the name of a sender; give this process all senders")]
    UnknownShard(Arc<str>),
    /// The tenant's name is malformed.
    #[error(transparent)]
    Tenant(FieldError),
    /// The deliveries of the tenant are being copied, or another call has changed its place. Call again in some seconds; if the tenant is
    /// [listed](super::Senders::moving) for longer, its move was cut off: repeat it.
    #[error(
        "tenant: `{0}` is being moved to another store; call again in some seconds, or repeat a move that was cut off"
    )]
    Moving(Tenant),
    /// The tenant is being moved, but to another store.
    #[error("tenant: `{tenant}` is being moved to `{to}`; finish that move first")]
    Elsewhere {
        /// The tenant.
        tenant: Tenant,
        /// Where it is being moved to.
        to: Arc<str>,
    },
    /// The new store cannot have this endpoint: it has removed it before, or its sender lacks the retry policy or scheme of the endpoint.
    #[error("endpoint: the store that the tenant is moved to refuses `{id}`: {error}")]
    Endpoint {
        /// The endpoint.
        id: EndpointId,
        /// Why.
        error: Box<EndpointError>,
    },
    /// The former store has deliveries that no disabled endpoint holds, because this process cannot read the endpoint.
    #[error(
        "endpoint: `{0}` cannot be read in the former store, so its deliveries cannot be moved; open the store with its keys, or remove the endpoint"
    )]
    Unreadable(LaneId),
    /// The new store cannot have a delivery of this event: it has another event with this id, or has deleted the event already.
    #[error("event id: `{0}` is taken in the store that the tenant is moved to; cancel the deliveries of the event")]
    IdConflict(EventId),
    /// A store failed. The call may be repeated.
    #[error(transparent)]
    Store(#[from] StoreError),
}
