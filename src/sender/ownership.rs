//! Ownership: the owner of a target must agree before anything is delivered to it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::id::Tenant;

/// How the owner of a new target is asked to agree. Chosen for each tenant: [`SenderBuilder::ownership`].
///
/// [`SenderBuilder::ownership`]: super::SenderBuilder::ownership
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ownership {
    /// The owner is not asked.
    #[default]
    NotAsked,
    /// A signed POST of `{"type":"hookwire.verification","challenge":"…"}`. The response must be a success whose body is the challenge, or
    /// a JSON object with the challenge in its member `challenge`.
    Echo,
    /// Like [`Echo`](Self::Echo), with this text as the `type`, for protocols that prescribe one.
    EchoAs(Cow<'static, str>),
    /// An `OPTIONS` request with `WebHook-Request-Origin` (CloudEvents, HTTP 1.1 Web Hooks for Event Delivery 1.0.2, section 4): the
    /// response must allow this origin, or any, in `WebHook-Allowed-Origin`.
    CloudEvents {
        /// The origin of the request: a DNS name.
        origin: String,
    },
    /// Out of band: the application confirms the endpoint with [`Endpoints::mark_proved`](super::Endpoints::mark_proved).
    OutOfBand,
}

type Choose = Arc<dyn Fn(&Tenant) -> Ownership + Send + Sync>;

/// How the owner is asked, for each tenant.
#[derive(Clone)]
pub(super) struct OwnershipPolicy(Choose);

impl OwnershipPolicy {
    pub(super) fn new(choose: impl Fn(&Tenant) -> Ownership + Send + Sync + 'static) -> Self {
        Self(Arc::new(choose))
    }

    pub(super) fn of(&self, tenant: &Tenant) -> Ownership {
        (self.0)(tenant)
    }
}

impl fmt::Debug for OwnershipPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnershipPolicy")
    }
}
