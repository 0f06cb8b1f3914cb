//! Which keys check a request: the source's own, or those of the route.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::id::Tenant;
use crate::secret::Keyring;

/// What a key may be chosen by: nothing that the sender signs or that a stranger could write into the payload (R-20).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Route<'a> {
    /// The source's name.
    pub source: &'a str,
    /// The path of the request, without the query, as the layer saw it: below `Router::nest` that is the rest.
    pub path: &'a str,
}

/// Whose route it is, and the keys that sign for it.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The tenant that a verified event belongs to.
    pub tenant: Tenant,
    /// The keys that are tried.
    pub keyring: Keyring,
}

/// The keys are out of reach.
#[derive(Debug, thiserror::Error)]
#[error("keys: unavailable")]
pub struct KeysError(#[source] Box<dyn Error + Send + Sync>);

impl KeysError {
    /// With its cause, which is logged.
    #[must_use]
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

/// Finds the keys of a route, for a source that serves many tenants.
///
/// 1. `grant` MUST choose by the route alone (`r_20_keys_are_chosen_by_route_never_by_payload`).
/// 2. It MUST answer `None` for a route it does not know, never somebody else's keys; the request is refused then
///    (`an_unknown_route_looks_like_a_bad_signature`).
/// 3. It MUST fail when it cannot know; the request is answered 503 then (`keys_out_of_reach_fail_closed`).
/// 4. It SHOULD answer from a cache: it is asked for every request before anything is verified, also by strangers.
///
/// ```
/// use std::collections::HashMap;
/// use hookwire::receiver::{Grant, Keys, KeysError, Route};
///
/// #[derive(Debug)]
/// struct ByCustomer(HashMap<String, Grant>);
///
/// #[async_trait::async_trait]
/// impl Keys for ByCustomer {
///     async fn grant(&self, route: Route<'_>) -> Result<Option<Grant>, KeysError> {
///         Ok(route.path.strip_prefix("/hooks/").and_then(|customer| self.0.get(customer)).cloned())
///     }
/// }
/// ```
#[async_trait]
pub trait Keys: fmt::Debug + Send + Sync + 'static {
    /// The keys of this route.
    ///
    /// # Errors
    /// When they are out of reach.
    async fn grant(&self, route: Route<'_>) -> Result<Option<Grant>, KeysError>;
}

/// Where a source has its keys from.
#[derive(Clone, Debug)]
pub(super) enum KeySource {
    Fixed(Grant),
    Resolved(Arc<dyn Keys>),
}

impl KeySource {
    pub(super) async fn grant(&self, route: Route<'_>) -> Result<Option<Cow<'_, Grant>>, KeysError> {
        match self {
            Self::Fixed(grant) => Ok(Some(Cow::Borrowed(grant))),
            Self::Resolved(keys) => Ok(keys.grant(route).await?.map(Cow::Owned)),
        }
    }
}
