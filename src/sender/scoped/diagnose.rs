//! Finds out why a receiver rejects a request, with the keys that sign for its endpoint.

use bytes::Bytes;
use http::Request;

use super::super::error::EndpointError;
use super::super::signers::DEFAULT;
use super::Scoped;
use crate::clock::Timestamp;
use crate::endpoint::Endpoint;
use crate::provider::STANDARD;
use crate::provider::diagnose::{Diagnose, Diagnosis};
use crate::signature::{Received, Trust};

/// Maximum number of bytes that one diagnosis hashes. The diagnosis runs on the thread of the request, so this limit bounds its time.
const MAX_BYTES: usize = 8 << 20;

/// The number of other endpoints of the tenant whose keys are tried.
const OTHERS: usize = 20;

impl Scoped {
    /// Finds out why the server of an endpoint rejects a request. The result never contains a key or a signature. Returns `None` if a
    /// scheme other than Standard Webhooks signs the requests of the endpoint.
    ///
    /// # Errors
    /// Returns [`EndpointError::ReadOnly`] if the caller may only read, because keys are used, [`EndpointError::NotFound`] if the endpoint is
    /// out of scope, and [`EndpointError::Store`] if the store fails.
    pub(crate) async fn diagnose(
        &self,
        endpoint: &Endpoint,
        request: &Request<Bytes>,
    ) -> Result<Option<Diagnosis>, EndpointError> {
        self.may_change(endpoint)?;
        if !endpoint.schemes.is_empty() && endpoint.schemes.iter().all(|name| **name != *DEFAULT) {
            return Ok(None);
        }
        let all = self.endpoints_of(&endpoint.tenant).await?;
        let named: Vec<_> = all.iter().filter(|other| other.id != endpoint.id).take(OTHERS).collect();
        let names: Vec<_> = named.iter().map(|other| other.id.to_string()).collect();
        let received =
            Received { method: request.method(), uri: request.uri(), headers: request.headers(), body: request.body() };
        let trust = Trust::new(&endpoint.keys, signed_at(request).unwrap_or_else(|| self.now()));
        let diagnose = Diagnose::new(&STANDARD, received, trust).max_bytes(MAX_BYTES);
        let others = names.iter().zip(&named);
        let diagnose = others.fold(diagnose, |diagnose, (name, other)| diagnose.other_keys(name, &other.keys));
        Ok(Some(diagnose.run()))
    }
}

/// The time of the request. It was captured some time ago, so the present time would make it look too old.
fn signed_at(request: &Request<Bytes>) -> Option<Timestamp> {
    let text = request.headers().get("webhook-timestamp")?.to_str().ok()?;
    text.parse().ok().map(Timestamp::from_secs)
}
