//! HubSpot v2.

use super::hubspot::{BATCH, NOT_KEYS, RETRIES};
use crate::provider::{Scheme, Setting};
use crate::signature::{Algorithm, Encoding, Hash, Part, Signature};

/// HubSpot v2 (workflows, CRM cards): the signature is the SHA-256 of secret, method, URL and body. This is not an HMAC but a
/// plain hash with the secret in front, which is weaker, and there is no time. Prefer [`HUBSPOT`](super::HUBSPOT).
///
/// Source: <https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation>
pub static HUBSPOT_V2: Scheme = Scheme::new(
    "hubspot_v2",
    "https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation",
)
.signature(
    Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-hubspot-signature"])
        .any_length()
        .algorithm(Algorithm::Digest(Hash::Sha256))
        .signed(&[Part::Secret, Part::Method, Part::Url("url"), Part::Body]),
)
.require(&[("x-hubspot-signature-version", "v2")])
.settings(&[Setting::required("url", "the URL as registered at HubSpot, or its origin").url()])
.event_methods(&["GET"])
.batch(BATCH)
.signed_ids()
.not_keys(NOT_KEYS)
.retries(RETRIES);
