//! Mailchimp Transactional (Mandrill).

use crate::signature::{
    Batch, Encoding, Handshake, Hash, Identified, Part, Place, Retries, Scheme, Setting, Signature, When,
};

/// Mailchimp Transactional (Mandrill): `X-Mandrill-Signature`, HMAC-SHA1, base64, over the webhook's URL and the
/// sorted fields of the form. The setting `webhook_url` is that URL, as registered. A request holds many events; a
/// each is identified by its own part of the form, which holds a time: two links that are clicked in one second are two events.
///
/// Source: <https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/>
pub static MANDRILL: Scheme =
    Scheme::new("mandrill", "https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/")
        .signature(
            Signature::hmac(Hash::Sha1, Encoding::Base64, &["x-mandrill-signature"])
                .signed(&[Part::Url("webhook_url"), Part::SortedForm]),
        )
        .settings(&[Setting::required("webhook_url", "the URL of the webhook, as registered, or its origin").url()])
        .batch(Batch {
            field: Some("mandrill_events"),
            items: &[&[""]],
            id: &[],
            event_type: &[Place::Json("/event")],
            identity: Identified::First(&[Identified::ByBodyWith(Place::Json("/ts")), Identified::Never]),
        })
        .handshakes(&[Handshake::unsigned(&[When::Method("HEAD")])])
        .retries(Retries::documented(
            "https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/",
        ));
