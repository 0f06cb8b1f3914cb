//! Twitch EventSub.

use crate::signature::{
    Batch, Encoding, Fact, Handshake, Hash, Identified, Part, Piece, Place, Retries, Scheme, Signature, Stamp,
    Tolerance, Unit, When,
};

const MESSAGE_TYPE: Place = Place::Header("twitch-eventsub-message-type");

/// Twitch EventSub: `Twitch-Eventsub-Message-Signature: sha256=…`, over id, time (RFC 3339, ten minutes are
/// allowed) and body, with nothing between them; since the time has one spelling only, they cannot be cut
/// elsewhere. Id and time are signed; the message's type is not. The challenge is answered once its signature was
/// checked.
///
/// Source: <https://dev.twitch.tv/docs/eventsub/handling-webhook-events/>
pub static TWITCH: Scheme = Scheme::new("twitch", "https://dev.twitch.tv/docs/eventsub/handling-webhook-events/")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["twitch-eventsub-message-signature"])
            .any_length()
            .prefix("sha256=")
            .signed(&[Part::Id, Part::Timestamp, Part::Body])
            .id_header("twitch-eventsub-message-id")
            .stamp(Stamp::header("twitch-eventsub-message-timestamp").unit(Unit::Rfc3339)),
    )
    .tolerance(Tolerance::secs(600, 600))
    .signed_id(&[Place::Header("twitch-eventsub-message-id")])
    .event_type(&[
        Place::Named { at: &MESSAGE_TYPE, names: &[("revocation", "revocation")] },
        Place::Header("twitch-eventsub-subscription-type"),
    ])
    .batch(Batch {
        field: None,
        items: &[&["/events"]],
        id: &[Place::Json("/id")],
        event_type: &[],
        identity: Identified::ById,
    })
    .handshakes(&[Handshake::signed(&[When::Is(MESSAGE_TYPE, "webhook_callback_verification")])
        .body("text/plain", &[Piece::Echo(Place::Json("/challenge"))])])
    .retries(Retries::documented("https://dev.twitch.tv/docs/eventsub/handling-webhook-events/").same_id(Fact::Yes));
