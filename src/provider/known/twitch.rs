//! Twitch EventSub.

use crate::provider::{BatchLayout, BodyPart, Condition, Fact, Handshake, IdentityRule, Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp, Tolerance};

const MESSAGE_TYPE: Place = Place::Header("twitch-eventsub-message-type");

/// Twitch EventSub: the signature in `Twitch-Eventsub-Message-Signature: sha256=…` covers id, time (RFC 3339; it may be ten
/// minutes off) and body, without separators. A time has only one spelling, so the signed text can be split in one way only. Id
/// and time are signed; the message's type is not. The challenge is answered after its signature was checked.
///
/// Source: <https://dev.twitch.tv/docs/eventsub/handling-webhook-events/>
pub static TWITCH: Scheme = Scheme::new("twitch", "https://dev.twitch.tv/docs/eventsub/handling-webhook-events/")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["twitch-eventsub-message-signature"])
            .any_length()
            .prefix("sha256=")
            .signed(&[Part::Id, Part::Timestamp, Part::Body])
            .id_header("twitch-eventsub-message-id")
            .stamp(Stamp::header("twitch-eventsub-message-timestamp").rfc3339()),
    )
    .tolerance(Tolerance::secs(600, 600))
    .signed_id(&[Place::Header("twitch-eventsub-message-id")])
    .event_type(&[
        Place::Named { at: &MESSAGE_TYPE, names: &[("revocation", "revocation")] },
        Place::Header("twitch-eventsub-subscription-type"),
    ])
    .batch(BatchLayout {
        field: None,
        items: &[&["/events"]],
        id: &[Place::Json("/id")],
        event_type: &[],
        identity: IdentityRule::ById,
    })
    .handshakes(&[Handshake::signed(&[Condition::Is(MESSAGE_TYPE, "webhook_callback_verification")])
        .body("text/plain", &[BodyPart::Echo(Place::Json("/challenge"))])])
    .retries(Retries::documented("https://dev.twitch.tv/docs/eventsub/handling-webhook-events/").same_id(Fact::Yes));
