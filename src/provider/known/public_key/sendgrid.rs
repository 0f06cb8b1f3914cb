//! SendGrid, event webhook.

use std::time::Duration;

use crate::provider::{BatchLayout, Fact, IdentityRule, Retries, Scheme};
use crate::signature::{Algorithm, Encoding, Hash, KeyText, Part, Place, Signature, Stamp};

/// SendGrid's event webhook: the ECDSA signature with P-256 in `X-Twilio-Email-Event-Webhook-Signature` (base64 of DER) covers
/// time and body. The secret is the public key that the dashboard shows (base64, not PEM). The time is signed. A request holds
/// many events, each with its id (`sg_event_id`). The body ends with a line break: if a proxy or framework removes it, the
/// signature is invalid.
///
/// From one valid ECDSA signature anybody can make another valid one, so a signature never identifies a request.
///
/// Source: <https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features>
pub static SENDGRID: Scheme = Scheme::new(
    "sendgrid",
    "https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features",
)
.signature(
    Signature::hmac(Hash::Sha256, Encoding::Base64, &["x-twilio-email-event-webhook-signature"])
        .algorithm(Algorithm::EcdsaP256)
        .key(KeyText::P256Spki)
        .signed(&[Part::Timestamp, Part::Body])
        .stamp(Stamp::header("x-twilio-email-event-webhook-timestamp")),
)
.batch(BatchLayout {
    field: None,
    items: &[&[""]],
    id: &[Place::Json("/sg_event_id")],
    event_type: &[Place::Json("/event")],
    identity: IdentityRule::ById,
})
.signed_ids()
.retries(Retries::documented("https://docs.sendgrid.com/for-developers/tracking-events/troubleshooting").same_id(Fact::Yes).span(Duration::from_secs(24 * 60 * 60)));
