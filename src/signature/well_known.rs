//! Signatures of providers that many senders imitate.

use super::encoding::Encoding;
use super::hash::Hash;
use super::part::Part;
use super::recipe::Signature;
use super::stamp::Stamp;

/// GitHub's signature: `X-Hub-Signature-256: sha256=…`, over the body. It has no time.
///
/// Source: <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>
pub const GITHUB: Signature =
    Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-hub-signature-256"]).any_length().prefix("sha256=");

/// Stripe's signature: `Stripe-Signature: t=…,v1=…`, over `t.body`. The secret is used as text, including its `whsec_`.
///
/// Source: <https://docs.stripe.com/webhooks/signature>
pub const STRIPE: Signature = Signature::hmac(Hash::Sha256, Encoding::Hex, &["stripe-signature"])
    .any_length()
    .fields(&["v1"])
    .signed(&[Part::Timestamp, Part::Text("."), Part::Body])
    .stamp(Stamp::field("t"));
