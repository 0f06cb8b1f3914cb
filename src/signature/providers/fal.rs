//! fal.

use std::time::Duration;

use crate::signature::{Algorithm, Encoding, Fact, Hash, Part, Place, Retries, Scheme, Setting, Signature, Stamp};

/// fal: Ed25519 in `X-Fal-Webhook-Signature`, hexadecimal, over the lines of request id, user id, time and the body's SHA-256, by
/// one of the keys that fal publishes. The receiver needs a [fetcher](crate::receiver::ReceiverBuilder::fetch), or the setting
/// `jwks`. Time and id are signed. fal repeats a request ten times over two hours; whether with a new time is not documented, so
/// the time may be two hours old.
///
/// Source: <https://docs.fal.ai/model-apis/model-endpoints/webhooks>
pub static FAL: Scheme = Scheme::new("fal", "https://docs.fal.ai/model-apis/model-endpoints/webhooks")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-fal-webhook-signature"])
            .algorithm(Algorithm::Ed25519)
            .key_set("https://rest.fal.ai/.well-known/jwks.json")
            .signed(&[
                Part::Id,
                Part::Text("\n"),
                Part::At(Place::Header("x-fal-webhook-user-id")),
                Part::Text("\n"),
                Part::Timestamp,
                Part::Text("\n"),
                Part::HashOf(Hash::Sha256, Encoding::Hex, &[Part::Body]),
            ])
            .stamp(Stamp::header("x-fal-webhook-timestamp"))
            .id_header("x-fal-webhook-request-id"),
    )
    .settings(&[Setting::optional("jwks", "fal's keys, instead of fetching them")])
    .signed_id(&[Place::Header("x-fal-webhook-request-id")])
    .event_type(&[Place::Json("/status")])
    .retries(
        Retries::documented("https://docs.fal.ai/model-apis/model-endpoints/webhooks")
            .same_id(Fact::Yes)
            .span(Duration::from_hours(2)),
    );
