//! The keys that check a request: the source's own, or those of the route.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use crate::id::Tenant;
use crate::secret::Keyring;

pub(super) type BoxError = Box<dyn Error + Send + Sync>;

type Resolving = Pin<Box<dyn Future<Output = Result<Option<ResolvedKeys>, KeysError>> + Send>>;

/// A tenant and its keys. All of the keys are tried.
#[derive(Clone, Debug)]
pub(super) struct ResolvedKeys {
    pub(super) tenant: Tenant,
    pub(super) keyring: Keyring,
}

/// The keys cannot be read at the moment.
#[derive(Debug, thiserror::Error)]
#[error("keys: unavailable")]
pub(super) struct KeysError(#[source] BoxError);

impl KeysError {
    /// An error with this cause. The cause is traced, and the sender of the request does not get it.
    pub(super) fn new(cause: impl Into<BoxError>) -> Self {
        Self(cause.into())
    }
}

/// The place from which a source gets its keys.
#[derive(Clone)]
pub(super) enum KeySource {
    Fixed(ResolvedKeys),
    ByPath(Arc<dyn Fn(String) -> Resolving + Send + Sync>),
}

impl KeySource {
    /// Keys that depend on the path of the request.
    pub(super) fn by_path<F, Fut, E>(resolve: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<(Tenant, Keyring)>, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        Self::ByPath(Arc::new(move |path| {
            let resolving = resolve(path);
            Box::pin(async move {
                let found = resolving.await.map_err(KeysError::new)?;
                Ok(found.map(|(tenant, keyring)| ResolvedKeys { tenant, keyring }))
            })
        }))
    }

    pub(super) async fn resolve(&self, path: &str) -> Result<Option<Cow<'_, ResolvedKeys>>, KeysError> {
        match self {
            Self::Fixed(keys) => Ok(Some(Cow::Borrowed(keys))),
            Self::ByPath(resolve) => Ok(resolve(path.to_owned()).await?.map(Cow::Owned)),
        }
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(keys) => keys.fmt(f),
            Self::ByPath(_) => f.write_str("ByPath"),
        }
    }
}
