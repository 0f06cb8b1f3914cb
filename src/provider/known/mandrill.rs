//! Mailchimp Transactional (Mandrill).

use crate::provider::{BatchLayout, Condition, Handshake, IdentityRule, Retries, Scheme, Setting};
use crate::signature::{Encoding, Hash, Part, Place, Signature};

/// Mailchimp Transactional (Mandrill): the signature in `X-Mandrill-Signature` (HMAC-SHA1, base64) covers the webhook's URL and
/// the sorted fields of the form. The setting `webhook_url` is that URL, as registered. A request holds many events. Each is
/// identified by its own part of the form, which holds a time: two links that are clicked in one second are two events.
///
/// Source: <https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/>
pub static MANDRILL: Scheme =
    Scheme::new("mandrill", "https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/")
        .signature(
            Signature::hmac(Hash::Sha1, Encoding::Base64, &["x-mandrill-signature"])
                .signed(&[Part::Url("webhook_url"), Part::SortedForm]),
        )
        .settings(&[Setting::required("webhook_url", "the URL of the webhook, as registered, or its origin").url()])
        .batch(BatchLayout {
            field: Some("mandrill_events"),
            items: &[&[""]],
            id: &[],
            event_type: &[Place::Json("/event")],
            identity: IdentityRule::First(&[IdentityRule::ByBodyWith(Place::Json("/ts")), IdentityRule::Never]),
        })
        .handshakes(&[Handshake::unsigned(&[Condition::Method("HEAD")])])
        .retries(Retries::documented(
            "https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/",
        ));
