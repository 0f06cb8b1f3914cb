//! Calendly.

use std::time::Duration;

use crate::provider::{IdentityRule, Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp, Tolerance};

const RETRIES: &str = concat!(
    "https://community.calendly.com/developer-faq-62/",
    "why-am-i-not-receiving-webhook-data-how-does-a-webhook-become-disabled-548"
);

/// Calendly: the signature in `Calendly-Webhook-Signature: t=…,v1=…` covers `t.body`. The time is signed and may be three minutes
/// off. There is no id: an event is identified by its type, its time and its resource, which are all signed.
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
        .event_type(&[Place::Json("/event")])
        .identified_by(IdentityRule::First(&[
            IdentityRule::By(Place::Join {
                separator: "|",
                places: &[Place::Json("/event"), Place::Json("/created_at"), Place::Json("/payload/uri")],
            }),
            IdentityRule::ByContent,
        ]))
        .retries(Retries::documented(RETRIES).span(Duration::from_secs(24 * 60 * 60)));
