//! Square.

use std::time::Duration;

use crate::provider::{Fact, Retries, Scheme, Setting};
use crate::signature::{Encoding, Hash, Part, Place, Signature};

/// Credentials that are often given instead of the secret by mistake.
const NOT_KEYS: &[(&str, &str)] = &[
    ("EAAA", "an access token: use the signature key of the webhook subscription"),
    ("sq0", "an application's id or token: use the signature key of the webhook subscription"),
];

/// Square: the signature in `x-square-hmacsha256-signature` (base64) covers the notification URL and the body. The setting `url` must
/// be equal to the URL of the subscription, byte for byte. The id in the body is signed; no time is signed.
///
/// Source: <https://developer.squareup.com/docs/webhooks/step3validate>
pub static SQUARE: Scheme = Scheme::new("square", "https://developer.squareup.com/docs/webhooks/step3validate")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Base64, &["x-square-hmacsha256-signature"])
            .any_length()
            .signed(&[Part::Url("url"), Part::Body]),
    )
    .settings(&[Setting::required("url", "the notification URL of the subscription, or its origin").url()])
    .signed_id(&[Place::Json("/event_id")])
    .event_type(&[Place::Json("/type")])
    .not_keys(NOT_KEYS)
    .retries(
        Retries::documented("https://developer.squareup.com/docs/webhooks/step3validate")
            .same_id(Fact::Yes)
            .span(Duration::from_secs(24 * 60 * 60)),
    );
