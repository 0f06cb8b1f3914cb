//! Discord webhook events.

use std::time::Duration;

use crate::signature::{
    Algorithm, Encoding, Handshake, Hash, Identified, KeyText, Part, Place, Retries, Scheme, Signature, Stamp, When,
};

/// Discord webhook events: signed like [`DISCORD`](super::DISCORD)'s interactions. The time is signed; events have
/// no id, so an event is identified by its body, which holds its time. The PING is answered 204 once its signature was checked.
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
            .body("application/json", &[])])
        .identified_by(Identified::First(&[
            Identified::ByBodyWith(Place::Json("/event/timestamp")),
            Identified::ByContent,
        ]))
        .retries(
            Retries::documented("https://discord.com/developers/docs/events/webhook-events")
                .span(Duration::from_mins(10)),
        );
