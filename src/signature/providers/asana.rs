//! Asana.

use crate::signature::{Batch, Encoding, Handshake, Hash, Identified, Piece, Place, Scheme, Signature, When};

const SECRET: Place = Place::Header("x-hook-secret");

/// Asana: `X-Hook-Signature`, over the body, by the key of the handshake, as text. A request holds many events,
/// without ids: they are known by the whole request. No time is judged. The handshake hands over the key and is
/// answered only while the source is being set up.
///
/// Source: <https://developers.asana.com/docs/webhooks-guide>
pub static ASANA: Scheme = Scheme::new("asana", "https://developers.asana.com/docs/webhooks-guide")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-hook-signature"]))
    .batch(Batch { field: None, items: &[&["/events"]], id: &[], event_type: &[], identity: Identified::ById })
    .handshakes(&[Handshake::unsigned(&[When::Method("POST"), When::Has(SECRET)])
        .headers(&[("x-hook-secret", &[Piece::Echo(SECRET)])])
        .captures(SECRET)]);
