//! Discord webhook events.

use crate::signature::{Algorithm, Encoding, Handshake, Hash, KeyText, Part, Place, Scheme, Signature, Stamp, When};

/// Discord webhook events: signed like [`DISCORD`](super::DISCORD)'s interactions. The time is signed; events have
/// no id, so the body is what a repetition is known by. The PING is answered 204 once its signature was checked.
///
/// Source: <https://discord.com/developers/docs/events/webhook-events>
pub static DISCORD_EVENTS: Scheme =
    Scheme::new("discord_events", "https://discord.com/developers/docs/events/webhook-events")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-signature-ed25519"])
                .any_length()
                .algorithm(Algorithm::Ed25519)
                .key(KeyText::Ed25519Hex)
                .signed(&[Part::Timestamp, Part::Body])
                .stamp(Stamp::header("x-signature-timestamp")),
        )
        .event_type(&[Place::Json("/event/type")])
        .handshakes(&[Handshake::signed(&[When::Is(Place::Json("/type"), "0")])
            .status(204)
            .body("application/json", &[])]);
