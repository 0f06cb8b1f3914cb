//! Bird (`MessageBird`).

use crate::provider::{IdentityRule, Retries, Scheme, Setting};
use crate::signature::{Claim, Encoding, Hash, Jwt, JwtAlgorithm, Part, Place, Token};

const TOKEN: Place = Place::Header("messagebird-signature-jwt");

/// Bird, formerly `MessageBird`: a JSON Web Token in `MessageBird-Signature-JWT`. Its claim `payload_hash` has the SHA-256 of the
/// body, and `url_hash` that of the URL, which is compared if the setting `url` is given. Bird documents no id of the event: all
/// status reports of a message have the message's id. A request is identified by the id of the token, `jti`. Status reports are GET
/// requests: without the setting, the token covers nothing of their content.
///
/// Source: <https://developers.messagebird.com/api/#verifying-http-requests>
pub static BIRD: Scheme = Scheme::new("bird", "https://developers.messagebird.com/api/#verifying-http-requests")
    .jwt(
        Jwt::new(&[Token::plain(TOKEN)], &[JwtAlgorithm::Hs256, JwtAlgorithm::Hs384, JwtAlgorithm::Hs512])
            .issuers(&["MessageBird"])
            .claims(&[
                Claim::hash("/payload_hash", Hash::Sha256, Encoding::Hex, &[Part::Body]).absent_if_empty(),
                Claim::hash("/url_hash", Hash::Sha256, Encoding::Hex, &[Part::Url("url")]),
            ]),
    )
    .event_methods(&["GET"])
    .settings(&[Setting::optional("url", "the webhook's URL, or its origin").url()])
    .identified_by(IdentityRule::By(Place::Claim { token: &TOKEN, pointer: "/jti" }))
    .event_type(&[Place::Json("/type")])
    .retries(Retries::documented(
        "https://github.com/messagebird/messagebird-nodejs/blob/master/lib/webhook-signature-jwt.js",
    ));
