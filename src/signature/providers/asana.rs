//! Asana.

use std::time::Duration;

use crate::signature::{Batch, Encoding, Handshake, Hash, Identified, Piece, Place, Retries, Scheme, Signature, When};

const SECRET: Place = Place::Header("x-hook-secret");

/// Asana: `X-Hook-Signature`, over the body, by the key of the handshake, as text. A request holds many events,
/// without ids: each is identified by its own part of the body, which holds a time. No time is judged. The handshake hands over the key and is
/// answered only while the source is being set up.
///
/// Source: <https://developers.asana.com/docs/webhooks-guide>
pub static ASANA: Scheme = Scheme::new("asana", "https://developers.asana.com/docs/webhooks-guide")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-hook-signature"]))
    .batch(Batch {
        field: None,
        items: &[&["/events"]],
        id: &[],
        event_type: &[],
        identity: Identified::First(&[Identified::ByBodyWith(Place::Json("/created_at")), Identified::Never]),
    })
    .handshakes(&[Handshake::unsigned(&[When::Method("POST"), When::Has(SECRET)])
        .headers(&[("x-hook-secret", &[Piece::Echo(SECRET)])])
        .captures(SECRET)])
    .retries(Retries::documented("https://developers.asana.com/docs/webhooks-guide").span(Duration::from_hours(24)));
