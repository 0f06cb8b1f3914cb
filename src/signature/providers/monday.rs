//! monday.com.

use std::time::Duration;

use crate::signature::{
    Claim, Handshake, Jwt, JwtAlgorithm, Part, Piece, Place, Retries, Scheme, Setting, Token, When,
};

const CHALLENGE: Place = Place::Json("/challenge");

/// monday.com: a JSON Web Token (HS256) in `Authorization`, signed with the app's signing secret. It covers nothing of the body.
/// The optional setting `url` is the webhook's URL, which the token's `aud` must be. Before a webhook is created, monday.com
/// posts a challenge, which is sent back.
///
/// Source: <https://developer.monday.com/apps/docs/integration-authorization>
pub static MONDAY: Scheme = Scheme::new("monday", "https://developer.monday.com/apps/docs/integration-authorization")
    .jwt(
        Jwt::new(&[Token::bearer_or_plain()], &[JwtAlgorithm::Hs256])
            .claims(&[Claim::text("/aud", &[Part::Url("url")])]),
    )
    .settings(&[Setting::optional("url", "the webhook's URL, or its origin, which the token must be for").url()])
    .unsigned_id(&[Place::Json("/event/triggerUuid")])
    .event_type(&[Place::Json("/event/type")])
    .handshakes(&[Handshake::unsigned(&[When::Has(CHALLENGE), When::Lacks(Place::Json("/event/type"))])
        .body("application/json", &[Piece::Text(r#"{"challenge":"#), Piece::Json(CHALLENGE), Piece::Text("}")])])
    .retries(
        Retries::documented("https://developer.monday.com/api-reference/reference/webhooks")
            .span(Duration::from_secs(30 * 60)),
    );
