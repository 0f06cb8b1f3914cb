//! An endpoint as a store keeps it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{CustomHeaders, Endpoint, EndpointState, Filter, Health, Labels, Limits, OnFailure, Target, TargetError};
use crate::clock::Timestamp;
use crate::id::{EndpointId, Tenant};
use crate::secret::{Entry, Key, KeyError, KeyProvider, Keyring, SealError};

/// An endpoint as a store keeps it, **its keys in the clear** until they are [sealed](Self::sealed_by). For implementors of
/// [`Directory`](crate::store::Directory); it is not part of any API that an endpoint's owner should see.
#[derive(Clone, Serialize, Deserialize)]
pub struct EndpointRecord {
    target: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    fixed_target: bool,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ceiling: Option<Limits>,
    #[serde(default)]
    on_failure: OnFailure,
    #[serde(default)]
    retry: Option<Arc<str>>,
    #[serde(default)]
    traced: bool,
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    labels: Labels,
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
            fixed_target: endpoint.fixed_target,
            filter: endpoint.filter.clone(),
            keys: endpoint.keys.entries().iter().map(key).collect(),
            schemes: endpoint.schemes.clone(),
            headers: endpoint.headers.clone(),
            sealed: None,
            limits: endpoint.limits,
            ceiling: endpoint.ceiling,
            on_failure: endpoint.on_failure,
            retry: endpoint.retry.clone(),
            traced: endpoint.traced,
            labels: endpoint.labels.clone(),
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
            fixed_target: self.fixed_target,
            filter: self.filter,
            keys: Keyring::from_entries(entries).map_err(RecordError::Key)?,
            schemes: self.schemes,
            headers: self.headers,
            limits: self.limits,
            ceiling: self.ceiling,
            on_failure: self.on_failure,
            retry: self.retry,
            traced: self.traced,
            labels: self.labels,
            state: self.state,
            health: Health::default(),
            flagged_at: self.flagged_at,
            created_at: self.created_at,
            version,
        })
    }
}
