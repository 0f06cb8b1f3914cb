//! Klaviyo.

use std::time::Duration;

use crate::provider::{BatchLayout, IdentityRule, Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp};

/// Klaviyo's system webhooks: the signature in `Klaviyo-Signature` covers body and time (an HTTP date). The time is signed. A
/// request holds many events; `external_id` is not their id. If the payload of an event has an id, the event is identified by its
/// own part of the body, and otherwise by the whole request and its time. The order of body and time is that of three public
/// implementations; it was not checked against Klaviyo's own code.
///
/// Source: <https://developers.klaviyo.com/en/docs/working_with_system_webhooks>
pub static KLAVIYO: Scheme =
    Scheme::new("klaviyo", "https://developers.klaviyo.com/en/docs/working_with_system_webhooks")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Hex, &["klaviyo-signature"])
                .signed(&[Part::Body, Part::Timestamp])
                .stamp(Stamp::header("klaviyo-timestamp").http_date()),
        )
        .batch(BatchLayout {
            field: None,
            items: &[&["/data"]],
            id: &[],
            event_type: &[Place::Json("/topic")],
            identity: IdentityRule::First(&[
                IdentityRule::ByBodyWith(Place::Json("/payload/data/id")),
                IdentityRule::ByContent,
            ]),
        })
        .retries(
            Retries::documented("https://developers.klaviyo.com/en/docs/understanding_webhook_status_codes")
                .span(Duration::from_secs(24 * 60 * 60)),
        );
