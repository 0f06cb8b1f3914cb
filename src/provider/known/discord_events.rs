//! Discord webhook events.

use std::time::Duration;

use super::discord::SIGNATURE;
use crate::provider::{Condition, Handshake, IdentityRule, Retries, Scheme};
use crate::signature::Place;

/// Discord webhook events: signed in the same way as the interactions of [`DISCORD`](super::DISCORD). The time is signed. Events have
/// no id, so an event is identified by its body, which holds its time. The PING is answered with 204 after its signature was checked.
///
/// Source: <https://discord.com/developers/docs/events/webhook-events>
pub static DISCORD_EVENTS: Scheme =
    Scheme::new("discord_events", "https://discord.com/developers/docs/events/webhook-events")
        .signature(SIGNATURE)
        .event_type(&[Place::Json("/event/type")])
        .handshakes(&[Handshake::signed(&[Condition::Is(Place::Json("/type"), "0")])
            .status(204)
            .body("application/json", &[])])
        .identified_by(IdentityRule::First(&[
            IdentityRule::ByBodyWith(Place::Json("/event/timestamp")),
            IdentityRule::ByContent,
        ]))
        .retries(
            Retries::documented("https://discord.com/developers/docs/events/webhook-events")
                .span(Duration::from_secs(10 * 60)),
        );
