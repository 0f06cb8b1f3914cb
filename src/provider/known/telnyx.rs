//! Telnyx.

use crate::provider::{Retries, Scheme};
use crate::signature::{Algorithm, Encoding, Hash, KeyText, Part, Place, Signature, Stamp};

/// Telnyx: the Ed25519 signature in `telnyx-signature-ed25519` (base64) covers `time|body`. The secret is the public key as the
/// portal shows it (base64). The time is signed, and so is the id in the body. Telnyx's own library allows five minutes.
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
