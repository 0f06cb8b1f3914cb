//! Smartsheet.

use crate::signature::{Encoding, Handshake, Hash, Piece, Place, Retries, Scheme, Signature, When};

const CHALLENGE: Place = Place::Header("smartsheet-hook-challenge");

/// Smartsheet: `Smartsheet-Hmac-SHA256`, over the body, by the webhook's shared secret. No time is signed; the nonce in the body
/// is, and identifies a callback. When a webhook is enabled, and again after every hundredth callback, Smartsheet sends a
/// challenge, which is sent back in a header.
///
/// Source: <https://developers.smartsheet.com/api/smartsheet/guides/webhooks/webhook-callbacks>
pub static SMARTSHEET: Scheme =
    Scheme::new("smartsheet", "https://developers.smartsheet.com/api/smartsheet/guides/webhooks/webhook-callbacks")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["smartsheet-hmac-sha256"]))
        .signed_id(&[Place::Json("/nonce")])
        .event_type(&[Place::Json("/events/0/eventType")])
        .handshakes(&[Handshake::unsigned(&[When::Has(CHALLENGE)])
            .headers(&[("smartsheet-hook-response", &[Piece::Echo(CHALLENGE)])])])
        .retries(Retries::documented(
            "https://developers.smartsheet.com/api/smartsheet/guides/webhooks/webhook-callbacks",
        ));
