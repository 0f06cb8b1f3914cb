//! Snyk.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Snyk: the signature in `X-Hub-Signature: sha256=…` covers the body. There is neither a signed time nor an id, and the type is
/// in a header that is not signed.
///
/// Source: <https://docs.snyk.io/snyk-api/using-specific-snyk-apis/webhooks-apis/validating-payloads>
pub static SNYK: Scheme =
    Scheme::new("snyk", "https://docs.snyk.io/snyk-api/using-specific-snyk-apis/webhooks-apis/validating-payloads")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-hub-signature"]).prefix("sha256="))
        .event_type(&[Place::Header("x-snyk-event")])
        .retries(Retries::documented(
            "https://docs.snyk.io/snyk-api/using-specific-snyk-apis/webhooks-apis/validating-payloads",
        ));
