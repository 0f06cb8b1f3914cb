//! An endpoint as a store keeps it: serialised, with its secrets in the clear or sealed.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Endpoint;
use super::error;
use super::filter::Filter;
use super::headers::CustomHeaders;
use super::health::Health;
use super::labels::Labels;
use super::limits::Limits;
use super::state::{EndpointState, OnFailure};
use super::target::Target;
use crate::clock::Timestamp;
use crate::field::FieldError;
use crate::id::{EndpointId, Tenant};
use crate::secret::{Key, KeyProvider, Keyring, KeyringEntry, SealError};

/// An endpoint as a store keeps it, with its keys **in the clear** until they are [sealed](Self::seal). For implementors of
/// [`Directory`](crate::store::Directory): it serialises everything except id, tenant, version and health, which a store keeps in separate
/// columns. Never show it to a tenant.
///
/// ```
/// use hookwire::clock::Timestamp;
/// use hookwire::endpoint::{Endpoint, EndpointRecord, NewEndpoint};
/// use hookwire::secret::{Key, Keyring};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let new = NewEndpoint::https("https://acme.example/hooks")?;
/// let endpoint = Endpoint::new(new, Keyring::new(Key::generate()?), Timestamp::EPOCH);
/// let column = serde_json::to_string(&EndpointRecord::new(&endpoint))?;
///
/// let record: EndpointRecord = serde_json::from_str(&column)?;
/// let restored = record.restore(endpoint.id, endpoint.tenant, endpoint.version)?;
/// assert_eq!(restored.target, endpoint.target);
/// # Ok(())
/// # }
/// ```
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

/// Keys and headers, serialised and sealed together.
#[derive(Clone, Serialize, Deserialize)]
struct Sealed {
    /// The id of the provider's key.
    by: String,
    /// The sealed bytes in base64.
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

impl EndpointRecord {
    /// The record of an endpoint, in the clear.
    #[must_use]
    pub fn new(endpoint: &Endpoint) -> Self {
        let key =
            |entry: &KeyringEntry| KeyRecord { key: entry.key.expose().to_string(), retires_at: entry.retires_at };
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

    /// Seals keys and headers. The endpoint's id is the context, so a sealed record cannot be moved to another endpoint.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::endpoint::{Endpoint, EndpointRecord, NewEndpoint};
    /// use hookwire::secret::{Key, Keyring, LocalKeys};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let provider = LocalKeys::new("2026", &[7; 32])?;
    /// let new = NewEndpoint::https("https://acme.example/hooks")?;
    /// let endpoint = Endpoint::new(new, Keyring::new(Key::generate()?), Timestamp::EPOCH);
    /// let sealed = EndpointRecord::new(&endpoint).seal(&provider, endpoint.id)?;
    /// assert!(sealed.is_sealed_with(Some(&provider)) && !serde_json::to_string(&sealed)?.contains("whsec_"));
    /// let opened = sealed.open(Some(&provider), endpoint.id)?;
    /// assert!(opened.restore(endpoint.id, endpoint.tenant, 1).is_ok());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns the [`SealError`] of the provider.
    pub fn seal(mut self, provider: &dyn KeyProvider, id: EndpointId) -> Result<Self, SealError> {
        let secrets = (std::mem::take(&mut self.keys), std::mem::take(&mut self.headers));
        let plain =
            serde_json::to_vec(&secrets).map(Zeroizing::new).map_err(|error| SealError::Provider(error.into()))?;
        let data = BASE64.encode(provider.seal(&plain, id.as_bytes())?);
        self.sealed = Some(Sealed { by: provider.current().into(), data });
        Ok(self)
    }

    /// Whether the record is sealed with the provider's current key; without a provider, whether it is in the clear.
    #[must_use]
    pub fn is_sealed_with(&self, provider: Option<&dyn KeyProvider>) -> bool {
        self.sealed.as_ref().map(|sealed| &*sealed.by) == provider.map(KeyProvider::current)
    }

    /// Opens a sealed record. A record in the clear stays as it is.
    ///
    /// # Errors
    /// Returns [`SealError::NoProvider`] if the record is sealed and there is no provider, [`SealError::Decrypt`] if the sealed
    /// bytes are malformed, and otherwise the error of the provider.
    pub fn open(mut self, provider: Option<&dyn KeyProvider>, id: EndpointId) -> Result<Self, SealError> {
        let Some(sealed) = self.sealed.take() else { return Ok(self) };
        let provider = provider.ok_or(SealError::NoProvider)?;
        let data = BASE64.decode(&sealed.data).map_err(|_| SealError::Decrypt)?;
        let plain = provider.open(&sealed.by, &data, id.as_bytes())?;
        (self.keys, self.headers) = serde_json::from_slice(&plain).map_err(|_| SealError::Decrypt)?;
        Ok(self)
    }

    /// Restores the endpoint, without its health. Open a sealed record before.
    ///
    /// # Errors
    /// Returns a [`FieldError`] if the URL or a key is invalid.
    pub fn restore(self, id: EndpointId, tenant: Tenant, version: u64) -> Result<Endpoint, FieldError> {
        let entry =
            |record: KeyRecord| Ok(KeyringEntry { key: Key::restore(&record.key)?, retires_at: record.retires_at });
        let entries: Vec<_> =
            self.keys.into_iter().map(entry).collect::<Result<_, _>>().map_err(|error| error::stored_key(&error))?;
        let keys = if entries.is_empty() { Ok(Keyring::empty()) } else { Keyring::from_entries(entries) };
        Ok(Endpoint {
            id,
            tenant,
            target: Target::parse(&self.target)?,
            fixed_target: self.fixed_target,
            filter: self.filter,
            keys: keys.map_err(|error| error::stored_key(&error))?,
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

#[cfg(test)]
mod tests {
    use super::super::NewEndpoint;
    use super::*;

    #[test]
    fn an_endpoint_without_keys_is_restored() {
        let new = NewEndpoint::https("https://acme.example/hooks").unwrap();
        let endpoint = Endpoint::new(new, Keyring::empty(), Timestamp::EPOCH);
        let column = serde_json::to_string(&EndpointRecord::new(&endpoint)).unwrap();
        let record: EndpointRecord = serde_json::from_str(&column).unwrap();
        let restored = record.restore(endpoint.id, endpoint.tenant, endpoint.version).unwrap();
        assert!(restored.keys.entries().is_empty());
    }
}
