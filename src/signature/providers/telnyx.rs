//! Telnyx.

use crate::signature::{Algorithm, Encoding, Hash, KeyText, Part, Place, Retries, Scheme, Signature, Stamp};

/// Telnyx: Ed25519 in `telnyx-signature-ed25519`, base64, over `time|body`. The secret is the public key of the portal, as it is
/// shown there (base64). The time is signed; the id in the body is. Telnyx's own library allows five
/// minutes.
///
/// Source: <https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks>
pub static TELNYX: Scheme =
    Scheme::new("telnyx", "https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Base64, &["telnyx-signature-ed25519"])
                .algorithm(Algorithm::Ed25519)
                .key(KeyText::Ed25519)
                .signed(&[Part::Timestamp, Part::Text("|"), Part::Body])
                .stamp(Stamp::header("telnyx-timestamp")),
        )
        .signed_id(&[Place::Json("/data/id")])
        .event_type(&[Place::Json("/data/event_type")])
        .retries(Retries::documented("https://github.com/team-telnyx/telnyx-node/blob/master/src/lib/webhooks.ts"));
