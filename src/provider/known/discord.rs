//! Discord interactions.

use crate::provider::{BodyPart, Condition, Handshake, Retries, Scheme};
use crate::signature::{Algorithm, Encoding, Hash, KeyText, Part, Place, Signature, Stamp};

pub(super) const SIGNATURE: Signature = Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-signature-ed25519"])
    .any_length()
    .algorithm(Algorithm::Ed25519)
    .key(KeyText::Ed25519Hex)
    .signed(&[Part::Timestamp, Part::Body])
    .stamp(Stamp::header("x-signature-timestamp"));

/// Discord interactions: the Ed25519 signature in `X-Signature-Ed25519` covers time and body; the secret is the application's
/// public key in hexadecimal digits. Time and id are signed. The PING is answered after its signature was checked. Discord
/// expects the response to an interaction within 3 seconds, as JSON.
///
/// Source: <https://discord.com/developers/docs/interactions/overview>
pub static DISCORD: Scheme = Scheme::new("discord", "https://discord.com/developers/docs/interactions/overview")
    .signature(SIGNATURE)
    .signed_id(&[Place::Json("/id")])
    .event_type(&[Place::Named {
        at: &Place::Json("/type"),
        names: &[
            ("1", "PING"),
            ("2", "APPLICATION_COMMAND"),
            ("3", "MESSAGE_COMPONENT"),
            ("4", "APPLICATION_COMMAND_AUTOCOMPLETE"),
            ("5", "MODAL_SUBMIT"),
        ],
    }])
    .handshakes(&[Handshake::signed(&[Condition::Is(Place::Json("/type"), "1")])
        .body("application/json", &[BodyPart::Text(r#"{"type":1}"#)])])
    .retries(Retries::documented("https://discord.com/developers/docs/interactions/overview"))
    .uses_answer();
