//! fal.

use std::time::Duration;

use crate::provider::{Fact, Retries, Scheme, Setting};
use crate::signature::{Algorithm, Encoding, Hash, Part, Place, Signature, Stamp};

/// fal: the Ed25519 signature in `X-Fal-Webhook-Signature` (hexadecimal) is made with one of the keys that fal publishes. The
/// signed text has four lines: request id, user id, time and the SHA-256 of the body. The receiver needs a
/// [fetcher](crate::receiver::ReceiverBuilder::fetch) or the setting `jwks`. Time and id are signed. fal repeats a request ten
/// times over two hours. It does not document whether a repeated request has a new time, so a time of that age is accepted.
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
    .settings(&[Setting::optional("jwks", "fal's keys; they are not fetched then")])
    .signed_id(&[Place::Header("x-fal-webhook-request-id")])
    .event_type(&[Place::Json("/status")])
    .retries(
        Retries::documented("https://docs.fal.ai/model-apis/model-endpoints/webhooks")
            .same_id(Fact::Yes)
            .span(Duration::from_secs(2 * 60 * 60)),
    );
