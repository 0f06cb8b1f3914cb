//! Trello.

use crate::provider::{Condition, Handshake, IdentityRule, Retries, Scheme, Setting};
use crate::signature::{Encoding, Hash, Part, Place, Signature};

/// Trello: the signature in `X-Trello-Webhook` (HMAC-SHA1, base64) covers the body and the callback URL. The setting
/// `callback_url` is that URL, as registered. The id is signed; no time is checked. The HEAD request that Trello sends when a
/// webhook is created is answered.
///
/// Source: <https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks/>
pub static TRELLO: Scheme =
    Scheme::new("trello", "https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks/")
        .signature(
            Signature::hmac(Hash::Sha1, Encoding::Base64, &["x-trello-webhook"])
                .signed(&[Part::Body, Part::Url("callback_url")]),
        )
        .settings(&[Setting::optional(
            "callback_url",
            "the callback URL as registered, or its origin; needed for events",
        )
        .registered_url()])
        .signed_id(&[Place::Json("/action/id")])
        .event_type(&[Place::Json("/action/type")])
        .handshakes(&[Handshake::unsigned(&[Condition::Method("HEAD")])])
        .identified_by(IdentityRule::First(&[
            IdentityRule::By(Place::Join {
                separator: "|",
                places: &[Place::Json("/action/id"), Place::Json("/model/id")],
            }),
            IdentityRule::ById,
        ]))
        .retries(Retries::documented("https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks/"));
