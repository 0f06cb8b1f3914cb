//! The schemes that sign requests, by name.

use std::collections::HashMap;
use std::sync::Arc;

use http::HeaderMap;

use crate::endpoint::Endpoint;
use crate::signature::{GITHUB, Outgoing, STANDARD, STRIPE, SVIX, SignError, SignRequest};

/// The scheme of endpoints that name no scheme.
pub(super) const DEFAULT: &str = "standard";
/// The same signature in the headers of Svix.
const BRANDED: &str = "svix";

#[derive(Debug)]
pub(super) struct Signers(HashMap<Arc<str>, Arc<dyn SignRequest>>);

/// The schemes that every sender has: `standard`, `svix`, `stripe`, `github`.
impl Default for Signers {
    fn default() -> Self {
        let mut signers = Self(HashMap::new());
        signers.add(DEFAULT, STANDARD);
        signers.add(BRANDED, SVIX);
        signers.add("stripe", STRIPE);
        signers.add("github", GITHUB);
        signers
    }
}

impl Signers {
    pub(super) fn add(&mut self, name: &str, signer: impl SignRequest) {
        self.0.insert(name.into(), Arc::new(signer));
    }

    /// Whether all of these names exist.
    pub(super) fn contains_all(&self, names: &[Arc<str>]) -> bool {
        names.iter().all(|name| self.0.contains_key(name))
    }

    /// Signs a request by every scheme of the endpoint, or by the default scheme if the endpoint names none.
    pub(super) fn sign(
        &self,
        endpoint: &Endpoint,
        request: &Outgoing<'_>,
        headers: &mut HeaderMap,
    ) -> Result<(), SignError> {
        let sign = |name: &str, headers: &mut HeaderMap| {
            let signer = self.0.get(name).ok_or(SignError::Scheme)?;
            signer.sign_request(request, &endpoint.keys, headers)
        };
        if endpoint.schemes.is_empty() {
            return sign(DEFAULT, headers);
        }
        endpoint.schemes.iter().try_for_each(|name| sign(name, headers))
    }
}

/// Whether a fresh key should be a text whose UTF-8 bytes are the secret, as schemes like Stripe's use it, instead of bytes in base64.
pub(super) fn wants_text_keys(names: &[Arc<str>]) -> bool {
    !names.is_empty() && names.iter().all(|name| ![DEFAULT, BRANDED].contains(&&**name))
}
