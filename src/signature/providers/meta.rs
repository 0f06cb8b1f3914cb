//! Meta.

use crate::signature::{
    Batch, Encoding, Handshake, Hash, Identified, Piece, Place, Retries, Scheme, Setting, Signature, When,
};

/// Meta (WhatsApp, Instagram, Messenger, pages): `X-Hub-Signature-256: sha256=…`, over the body, by the app's
/// secret. No time is signed. A request holds many changes or messages, each an event. One that holds an id or a
/// time is identified by its own part of the body (a message and its deletion share an id); another by the whole request. The subscription is confirmed when the setting `verify_token` is what it asks for.
///
/// Source: <https://developers.facebook.com/docs/graph-api/webhooks/getting-started>
pub static META: Scheme =
    Scheme::new("meta", "https://developers.facebook.com/docs/graph-api/webhooks/getting-started")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-hub-signature-256"]).any_length().prefix("sha256="),
        )
        .settings(&[Setting::optional("verify_token", "the token that you chose for the subscription")])
        .event_type(&[Place::Json("/object")])
        .batch(Batch {
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
            identity: Identified::First(&[
                Identified::ByBodyWith(Place::Json("/timestamp")),
                Identified::ByBodyWith(Place::Json("/value/messages/0/id")),
                Identified::ByBodyWith(Place::Json("/value/statuses/0/id")),
                Identified::ByBodyWith(Place::Json("/value/created_time")),
                Identified::ByBodyWith(Place::Json("/time")),
                Identified::ByRequest,
            ]),
        })
        .signed_ids()
        .handshakes(&[Handshake::unsigned(&[
            When::Method("GET"),
            When::Is(Place::Query("hub.mode"), "subscribe"),
            When::Has(Place::Query("hub.challenge")),
        ])
        .must_match(Place::Query("hub.verify_token"), "verify_token")
        .body("text/plain", &[Piece::Echo(Place::Query("hub.challenge"))])])
        .max_body(4 << 20)
        .retries(Retries::documented("https://developers.facebook.com/docs/graph-api/webhooks/getting-started"));
