//! Paddle.

use std::time::Duration;

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp, Tolerance};

/// Credentials that are often given instead of the secret by mistake.
const NOT_KEYS: &[(&str, &str)] = &[
    (
        "pdl_live_apikey_",
        "an API key: use the secret key of the notification destination, which begins with pdl_ntfset_",
    ),
    (
        "pdl_sdbx_apikey_",
        "an API key: use the secret key of the notification destination, which begins with pdl_ntfset_",
    ),
];

/// Paddle Billing: the signature in `Paddle-Signature: ts=…;h1=…` covers `ts:body`. Time and id are signed. Paddle allows 5
/// seconds. If your clock is less exact or a queue delays requests, set another tolerance at the source.
///
/// Source: <https://developer.paddle.com/webhooks/about/signature-verification>
pub static PADDLE: Scheme = Scheme::new("paddle", "https://developer.paddle.com/webhooks/about/signature-verification")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["paddle-signature"])
            .any_length()
            .fields(&["h1"])
            .separator(b';')
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
            .span(Duration::from_secs(72 * 60 * 60)),
    );
