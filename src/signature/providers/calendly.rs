//! Calendly.

use crate::signature::{Encoding, Hash, Identified, Part, Place, Scheme, Signature, Stamp, Tolerance};

/// Calendly: `Calendly-Webhook-Signature: t=…,v1=…`, over `t.body`. The time is signed; three minutes are allowed.
/// There is no id: a repetition is known by type, time and resource, all signed.
///
/// Source: <https://developer.calendly.com/api-docs/4c305798a61d3-webhook-signatures>
pub static CALENDLY: Scheme =
    Scheme::new("calendly", "https://developer.calendly.com/api-docs/4c305798a61d3-webhook-signatures")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Hex, &["calendly-webhook-signature"])
                .fields(&["v1"])
                .signed(&[Part::Timestamp, Part::Text("."), Part::Body])
                .stamp(Stamp::field("t")),
        )
        .tolerance(Tolerance::secs(180, 180))
        .identified_by(Identified::By(Place::Join {
            separator: "|",
            places: &[Place::Json("/event"), Place::Json("/created_at"), Place::Json("/payload/uri")],
        }))
        .event_type(&[Place::Json("/event")]);
