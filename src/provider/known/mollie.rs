//! Mollie.

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Credentials that are often given instead of the secret by mistake.
const NOT_KEYS: &[(&str, &str)] = &[
    ("live_", "an API key: use the webhook's signing secret"),
    ("test_", "an API key: use the webhook's signing secret"),
];

/// Mollie's next-generation webhooks: the signature in `X-Mollie-Signature` (with or without `sha256=`) covers the body. While a
/// secret is being replaced, a request has several signatures, and one of them must be valid. The id is signed; no time is
/// checked. For the classic webhooks, which are not signed, use [`MOLLIE_CLASSIC`](super::MOLLIE_CLASSIC).
///
/// Source: <https://docs.mollie.com/overview/webhooks>
pub static MOLLIE: Scheme = Scheme::new("mollie", "https://docs.mollie.com/overview/webhooks")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-mollie-signature"]).optional_prefix("sha256=").several(),
    )
    .signed_id(&[Place::Json("/id")])
    .event_type(&[Place::Json("/type")])
    .not_keys(NOT_KEYS)
    .retries(Retries::documented("https://docs.mollie.com/overview/webhooks").same_id(Fact::Yes));
