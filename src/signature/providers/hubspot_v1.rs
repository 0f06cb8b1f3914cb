//! HubSpot v1.

use std::time::Duration;

use crate::signature::{Algorithm, Encoding, Fact, Hash, Part, Retries, Scheme, Signature};

/// What is often taken for the secret.
const NOT_KEYS: &[(&str, &str)] = &[("pat-", "an access token: take the client secret of the app")];

/// HubSpot v1 (CRM subscriptions): SHA-256 over secret and body. That is a plain hash behind a secret prefix, not
/// an HMAC: it can be extended by whoever has seen one request, and there is no time. Prefer
/// [`HUBSPOT`](super::HUBSPOT).
///
/// Source: <https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation>
pub static HUBSPOT_V1: Scheme = Scheme::new(
    "hubspot_v1",
    "https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation",
)
.signature(
    Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-hubspot-signature"])
        .any_length()
        .algorithm(Algorithm::Digest(Hash::Sha256))
        .signed(&[Part::Secret, Part::Body]),
)
.require(&[("x-hubspot-signature-version", "v1")])
.batch(super::hubspot::BATCH)
.signed_ids()
.not_keys(NOT_KEYS)
.retries(
    Retries::documented("https://developers.hubspot.com/docs/api/webhooks")
        .same_id(Fact::Yes)
        .span(Duration::from_hours(24)),
);
