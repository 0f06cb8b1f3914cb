//! Zoom.

use std::time::Duration;

use crate::signature::{
    Encoding, Handshake, Hash, Identified, Part, Piece, Place, Retries, Scheme, Signature, Stamp, When,
};

const PLAIN_TOKEN: Place = Place::Json("/payload/plainToken");

/// Zoom: `x-zm-signature: v0=…`, over `v0:time:body`. The time is signed; there is no id. The URL validation, which
/// Zoom repeats every 72 hours, is answered once its signature was checked: its answer is a MAC under the same key,
/// so without the check anybody could have an event signed.
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
    .handshakes(&[Handshake::signed(&[When::Is(Place::Json("/event"), "endpoint.url_validation")]).body(
        "application/json",
        &[
            Piece::Text(r#"{"plainToken":"#),
            Piece::Json(PLAIN_TOKEN),
            Piece::Text(r#","encryptedToken":""#),
            Piece::Mac(PLAIN_TOKEN, Encoding::Hex),
            Piece::Text(r#""}"#),
        ],
    )])
    .identified_by(Identified::First(&[Identified::ByBodyWith(Place::Json("/event_ts")), Identified::ByContent]))
    .retries(Retries::documented("https://developers.zoom.us/blog/webhook-delays").span(Duration::from_mins(85)));
