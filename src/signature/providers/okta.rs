//! Okta event hooks.

use crate::signature::{Handshake, Piece, Place, Retries, Scheme, Setting, Token, When};

const CHALLENGE: Place = Place::Header("x-okta-verification-challenge");

/// Okta's event hooks: the header that you configured (`Authorization`, or the setting `header`) carries a secret, with no scheme before it.
/// Nothing is covered. A request may hold several events in `data.events`, each with its `uuid`; it is handled as
/// one.
///
/// Source: <https://developer.okta.com/docs/concepts/event-hooks/>
pub static OKTA: Scheme = Scheme::new("okta", "https://developer.okta.com/docs/concepts/event-hooks/")
    .token(&[Token::plain(Place::HeaderOr("header", "authorization"))])
    .settings(&[Setting::optional(
        "header",
        "the name of the authentication field, where it is another than `Authorization`",
    )
    .header()])
    .unsigned_id(&[Place::Json("/eventId")])
    .event_type(&[Place::Json("/eventType")])
    .handshakes(&[Handshake::unsigned(&[When::Method("GET"), When::Has(CHALLENGE)])
        .body("application/json", &[Piece::Text(r#"{"verification":"#), Piece::Json(CHALLENGE), Piece::Text("}")])])
    .retries(Retries::documented("https://developer.okta.com/docs/concepts/event-hooks/"));
