//! Meta.

use crate::provider::{BatchLayout, BodyPart, Condition, Handshake, IdentityRule, Retries, Scheme, Setting};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Meta (WhatsApp, Instagram, Messenger, pages): the signature in `X-Hub-Signature-256: sha256=…` covers the body and is made
/// with the app's secret. No time is signed. A request holds many changes or messages, and each is an event. An event with an id
/// or a time is identified by its own part of the body (a message and its deletion share an id), and another event by the whole
/// request. The subscription request is confirmed if its token is equal to the setting `verify_token`.
///
/// Source: <https://developers.facebook.com/docs/graph-api/webhooks/getting-started>
pub static META: Scheme =
    Scheme::new("meta", "https://developers.facebook.com/docs/graph-api/webhooks/getting-started")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-hub-signature-256"]).any_length().prefix("sha256="),
        )
        .settings(&[Setting::optional("verify_token", "the token that you chose for the subscription")])
        .event_type(&[Place::Json("/object")])
        .batch(BatchLayout {
            field: None,
            items: &[&["/entry"], &["/changes", "/messaging"]],
            id: &[
                Place::Json("/value/messages/0/id"),
                Place::Join {
                    separator: ":",
                    places: &[Place::Json("/value/statuses/0/id"), Place::Json("/value/statuses/0/status")],
                },
                Place::Json("/message/mid"),
            ],
            event_type: &[],
            identity: IdentityRule::First(&[
                IdentityRule::ByBodyWith(Place::Json("/timestamp")),
                IdentityRule::ByBodyWith(Place::Json("/value/messages/0/id")),
                IdentityRule::ByBodyWith(Place::Json("/value/statuses/0/id")),
                IdentityRule::ByBodyWith(Place::Json("/value/created_time")),
                IdentityRule::ByBodyWith(Place::Json("/time")),
                IdentityRule::ByRequest,
            ]),
        })
        .signed_ids()
        .handshakes(&[Handshake::unsigned(&[
            Condition::Method("GET"),
            Condition::Is(Place::Query("hub.mode"), "subscribe"),
            Condition::Has(Place::Query("hub.challenge")),
        ])
        .must_match(Place::Query("hub.verify_token"), "verify_token")
        .body("text/plain", &[BodyPart::Echo(Place::Query("hub.challenge"))])])
        .max_body(4 << 20)
        .retries(Retries::documented("https://developers.facebook.com/docs/graph-api/webhooks/getting-started"));
