//! Zoom.

use std::time::Duration;

use crate::provider::{BodyPart, Condition, Handshake, IdentityRule, Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp};

const PLAIN_TOKEN: Place = Place::Json("/payload/plainToken");

/// Zoom: the signature in `x-zm-signature: v0=…` covers `v0:time:body`. The time is signed; there is no id. Zoom repeats the URL
/// validation every 72 hours. It is answered with a MAC with the same key, but only after its signature was checked: without this
/// check anybody could have an event signed.
///
/// Source: <https://developers.zoom.us/docs/api/webhooks/>
pub static ZOOM: Scheme = Scheme::new("zoom", "https://developers.zoom.us/docs/api/webhooks/")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-zm-signature"])
            .any_length()
            .prefix("v0=")
            .signed(&[Part::Text("v0:"), Part::Timestamp, Part::Text(":"), Part::Body])
            .stamp(Stamp::header("x-zm-request-timestamp")),
    )
    .event_type(&[Place::Json("/event")])
    .handshakes(&[Handshake::signed(&[Condition::Is(Place::Json("/event"), "endpoint.url_validation")]).body(
        "application/json",
        &[
            BodyPart::Text(r#"{"plainToken":"#),
            BodyPart::Json(PLAIN_TOKEN),
            BodyPart::Text(r#","encryptedToken":""#),
            BodyPart::Mac(PLAIN_TOKEN, Encoding::Hex),
            BodyPart::Text(r#""}"#),
        ],
    )])
    .identified_by(IdentityRule::First(&[IdentityRule::ByBodyWith(Place::Json("/event_ts")), IdentityRule::ByContent]))
    .retries(Retries::documented("https://developers.zoom.us/blog/webhook-delays").span(Duration::from_secs(85 * 60)));
