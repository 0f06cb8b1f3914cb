//! Okta event hooks.

use crate::provider::{BodyPart, Condition, Handshake, Retries, Scheme, Setting};
use crate::signature::{Place, Token};

const CHALLENGE: Place = Place::Header("x-okta-verification-challenge");

/// Okta's event hooks: the header that you configured (`Authorization`, or the setting `header`) carries a secret, without an
/// authentication scheme such as `Bearer` before it. The secret covers nothing of the request. A request may hold several events in
/// `data.events`, each with its `uuid`; the request is handled as one event.
///
/// Source: <https://developer.okta.com/docs/concepts/event-hooks/>
pub static OKTA: Scheme = Scheme::new("okta", "https://developer.okta.com/docs/concepts/event-hooks/")
    .token(&[Token::plain(Place::HeaderOr("header", "authorization"))])
    .settings(&[
        Setting::optional("header", "the name of the header with the secret, if it is not `Authorization`").header()
    ])
    .unsigned_id(&[Place::Json("/eventId")])
    .event_type(&[Place::Json("/eventType")])
    .handshakes(&[Handshake::unsigned(&[Condition::Method("GET"), Condition::Has(CHALLENGE)]).body(
        "application/json",
        &[BodyPart::Text(r#"{"verification":"#), BodyPart::Json(CHALLENGE), BodyPart::Text("}")],
    )])
    .retries(Retries::documented("https://developer.okta.com/docs/concepts/event-hooks/"));
