//! Square.

use crate::signature::{Encoding, Hash, Part, Place, Scheme, Setting, Signature};

/// Square: `x-square-hmacsha256-signature`, base64, over the notification URL and the body. The setting `url` is
/// that URL, byte for byte as the subscription has it. No time is signed; the id in the body is.
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
    .event_type(&[Place::Json("/type")]);
