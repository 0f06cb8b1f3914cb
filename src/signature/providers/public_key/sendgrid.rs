//! SendGrid, event webhook.

use std::time::Duration;

use crate::signature::{
    Algorithm, Batch, Encoding, Fact, Hash, Identified, KeyText, Part, Place, Retries, Scheme, Signature, Stamp,
};

/// SendGrid's event webhook: ECDSA with P-256 in `X-Twilio-Email-Event-Webhook-Signature`, base64 of DER, over time and body; the
/// secret is the public key that the dashboard shows (base64, no PEM). The time is signed. A request holds many events, each with its
/// id (`sg_event_id`). The body ends with a line break: whatever trims it breaks the signature.
///
/// ECDSA signatures can be changed into another good one, so nothing may be known by the signature.
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
.batch(Batch {
    field: None,
    items: &[&[""]],
    id: &[Place::Json("/sg_event_id")],
    event_type: &[Place::Json("/event")],
    identity: Identified::ById,
})
.signed_ids()
.retries(Retries::documented("https://docs.sendgrid.com/for-developers/tracking-events/troubleshooting").same_id(Fact::Yes).span(Duration::from_hours(24)));
