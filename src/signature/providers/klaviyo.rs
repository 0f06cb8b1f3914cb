//! Klaviyo.

use std::time::Duration;

use crate::signature::{Batch, Encoding, Hash, Identified, Part, Place, Retries, Scheme, Signature, Stamp, Unit};

/// Klaviyo's system webhooks: `Klaviyo-Signature`, over body and time (an HTTP date). The time is signed. A request
/// holds many events; `external_id` is not their id, so each is identified by its own part of the body where its payload has an id, and
/// otherwise by the whole request and its time. The order of body
/// and time is that of three public implementations, not of Klaviyo's own code.
///
/// Source: <https://developers.klaviyo.com/en/docs/working_with_system_webhooks>
pub static KLAVIYO: Scheme =
    Scheme::new("klaviyo", "https://developers.klaviyo.com/en/docs/working_with_system_webhooks")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Hex, &["klaviyo-signature"])
                .signed(&[Part::Body, Part::Timestamp])
                .stamp(Stamp::header("klaviyo-timestamp").unit(Unit::HttpDate)),
        )
        .batch(Batch {
            field: None,
            items: &[&["/data"]],
            id: &[],
            event_type: &[Place::Json("/topic")],
            identity: Identified::First(&[
                Identified::ByBodyWith(Place::Json("/payload/data/id")),
                Identified::ByContent,
            ]),
        })
        .retries(
            Retries::documented("https://developers.klaviyo.com/en/docs/understanding_webhook_status_codes")
                .span(Duration::from_hours(24)),
        );
