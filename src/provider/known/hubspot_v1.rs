//! HubSpot v1.

use super::hubspot::{BATCH, NOT_KEYS, RETRIES};
use crate::provider::Scheme;
use crate::signature::{Algorithm, Encoding, Hash, Part, Signature};

/// HubSpot v1 (CRM subscriptions): the signature is the SHA-256 of secret and body. This is not an HMAC but a plain hash with the
/// secret in front: anybody who captured a request can append to its body and compute a valid hash, and there is no time. Prefer
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
.batch(BATCH)
.signed_ids()
.not_keys(NOT_KEYS)
.retries(RETRIES);
