//! Paddle.

use std::time::Duration;

use crate::signature::{Encoding, Fact, Grammar, Hash, Part, Place, Retries, Scheme, Signature, Stamp, Tolerance};

/// What is often taken for the secret.
const NOT_KEYS: &[(&str, &str)] = &[
    (
        "pdl_live_apikey_",
        "an API key: take the secret key of the notification destination, which begins with pdl_ntfset_",
    ),
    (
        "pdl_sdbx_apikey_",
        "an API key: take the secret key of the notification destination, which begins with pdl_ntfset_",
    ),
];

/// Paddle Billing: `Paddle-Signature: ts=…;h1=…`, over `ts:body`. Time and id are signed. Paddle allows 5 seconds;
/// where a clock or a queue is slower than that, set another tolerance at the source.
///
/// Source: <https://developer.paddle.com/webhooks/about/signature-verification>
pub static PADDLE: Scheme = Scheme::new("paddle", "https://developer.paddle.com/webhooks/about/signature-verification")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["paddle-signature"])
            .any_length()
            .grammar(Grammar::Fields { separator: b';', signatures: &["h1"] })
            .signed(&[Part::Timestamp, Part::Text(":"), Part::Body])
            .stamp(Stamp::field("ts")),
    )
    .tolerance(Tolerance::secs(5, 5))
    .signed_id(&[Place::Json("/event_id")])
    .event_type(&[Place::Json("/event_type")])
    .not_keys(NOT_KEYS)
    .retries(
        Retries::documented("https://developer.paddle.com/webhooks/respond-to-webhooks")
            .same_id(Fact::Yes)
            .span(Duration::from_hours(72)),
    );
