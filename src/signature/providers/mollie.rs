//! Mollie.

use crate::signature::{Encoding, Fact, Grammar, Hash, Place, Retries, Scheme, Signature};

/// What is often taken for the secret.
const NOT_KEYS: &[(&str, &str)] = &[
    ("live_", "an API key: take the webhook's signing secret"),
    ("test_", "an API key: take the webhook's signing secret"),
];

/// Mollie's next-generation webhooks: `X-Mollie-Signature`, with or without `sha256=`, over the body; several of
/// them while a secret is being replaced, of which one must be good. The id is signed; no time is judged. For the classic ones, which are not signed, see
/// [`MOLLIE_CLASSIC`](super::MOLLIE_CLASSIC).
///
/// Source: <https://docs.mollie.com/overview/webhooks>
pub static MOLLIE: Scheme = Scheme::new("mollie", "https://docs.mollie.com/overview/webhooks")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-mollie-signature"])
            .grammar(Grammar::Plain { prefix: "sha256=", optional: true })
            .several(),
    )
    .signed_id(&[Place::Json("/id")])
    .event_type(&[Place::Json("/type")])
    .not_keys(NOT_KEYS)
    .retries(Retries::documented("https://docs.mollie.com/overview/webhooks").same_id(Fact::Yes));
