//! Smartsheet.

use crate::provider::{BodyPart, Condition, Handshake, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

const CHALLENGE: Place = Place::Header("smartsheet-hook-challenge");

/// Smartsheet: the signature in `Smartsheet-Hmac-SHA256` covers the body and is made with the webhook's shared secret. No time is
/// signed. The nonce in the body is signed and identifies a callback. When a webhook is enabled, and again after every hundredth
/// callback, Smartsheet sends a challenge; the response returns it in a header.
///
/// Source: <https://developers.smartsheet.com/api/smartsheet/guides/webhooks/webhook-callbacks>
pub static SMARTSHEET: Scheme =
    Scheme::new("smartsheet", "https://developers.smartsheet.com/api/smartsheet/guides/webhooks/webhook-callbacks")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["smartsheet-hmac-sha256"]))
        .signed_id(&[Place::Json("/nonce")])
        .event_type(&[Place::Json("/events/0/eventType")])
        .handshakes(&[Handshake::unsigned(&[Condition::Has(CHALLENGE)])
            .headers(&[("smartsheet-hook-response", &[BodyPart::Echo(CHALLENGE)])])])
        .retries(Retries::documented(
            "https://developers.smartsheet.com/api/smartsheet/guides/webhooks/webhook-callbacks",
        ));
