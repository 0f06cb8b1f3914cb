//! monday.com.

use std::time::Duration;

use crate::provider::{BodyPart, Condition, Handshake, Retries, Scheme, Setting};
use crate::signature::{Claim, Jwt, JwtAlgorithm, Part, Place, Token};

const CHALLENGE: Place = Place::Json("/challenge");

/// monday.com: a JSON Web Token (HS256) in `Authorization`, signed with the app's signing secret. The token does not cover the body.
/// The optional setting `url` is the webhook's URL, which the claim `aud` of the token must be equal to. Before a webhook is created,
/// monday.com posts a challenge, and the response returns it.
///
/// Source: <https://developer.monday.com/apps/docs/integration-authorization>
pub static MONDAY: Scheme = Scheme::new("monday", "https://developer.monday.com/apps/docs/integration-authorization")
    .jwt(
        Jwt::new(&[Token::bearer_or_plain()], &[JwtAlgorithm::Hs256])
            .claims(&[Claim::text("/aud", &[Part::Url("url")])]),
    )
    .settings(&[Setting::optional("url", "the webhook's URL, or its origin; the token must be for it").url()])
    .unsigned_id(&[Place::Json("/event/triggerUuid")])
    .event_type(&[Place::Json("/event/type")])
    .handshakes(&[Handshake::unsigned(&[Condition::Has(CHALLENGE), Condition::Lacks(Place::Json("/event/type"))])
        .body(
            "application/json",
            &[BodyPart::Text(r#"{"challenge":"#), BodyPart::Json(CHALLENGE), BodyPart::Text("}")],
        )])
    .retries(
        Retries::documented("https://developer.monday.com/api-reference/reference/webhooks")
            .span(Duration::from_secs(30 * 60)),
    );
