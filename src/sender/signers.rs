//! By which schemes requests are signed.

use std::collections::HashMap;
use std::sync::Arc;

use http::HeaderMap;

use crate::endpoint::Endpoint;
use crate::signature::providers::{GITHUB, STRIPE};
use crate::signature::{Outgoing, STANDARD, SignError, SignRequest};

/// The scheme of endpoints that name none.
const DEFAULT: &str = "standard";

#[derive(Debug)]
pub(super) struct Signers(HashMap<Arc<str>, Arc<dyn SignRequest>>);

/// Those that every sender knows: `standard`, `stripe`, `github`.
impl Default for Signers {
    fn default() -> Self {
        let mut signers = Self(HashMap::new());
        signers.add(DEFAULT, &STANDARD);
        signers.add("stripe", &STRIPE);
        signers.add("github", &GITHUB);
        signers
    }
}

impl Signers {
    pub(super) fn add(&mut self, name: &str, signer: impl SignRequest) {
        self.0.insert(name.into(), Arc::new(signer));
    }

    /// Whether all of these names are known.
    pub(super) fn know(&self, names: &[Arc<str>]) -> bool {
        names.iter().all(|name| self.0.contains_key(name))
    }

    /// Signs by every scheme of these names, or by the default.
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

/// Whether fresh keys are to be texts, as the Stripe-like schemes have them, and not bytes behind base64.
pub(super) fn wants_text_keys(names: &[Arc<str>]) -> bool {
    !names.is_empty() && names.iter().all(|name| **name != *DEFAULT)
}
