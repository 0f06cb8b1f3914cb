//! Bird (`MessageBird`).

use crate::signature::{
    Claim, Encoding, Hash, Identified, Jwt, JwtAlgorithm, Part, Place, Retries, Scheme, Setting, Token,
};

const TOKEN: Place = Place::Header("messagebird-signature-jwt");

/// Bird, formerly `MessageBird`: a JSON Web Token in `MessageBird-Signature-JWT`, with the SHA-256 of the body in `payload_hash`
/// and that of the URL in `url_hash`, which is compared where the setting `url` is given. No id of the event is documented: the
/// status reports of a message all have the message's id. What identifies a request is the token's own id, `jti`.
/// Status reports are GET requests: without the setting, nothing covers what they say.
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
    .identified_by(Identified::By(Place::Claim { token: &TOKEN, pointer: "/jti" }))
    .event_type(&[Place::Json("/type")])
    .retries(Retries::documented(
        "https://github.com/messagebird/messagebird-nodejs/blob/master/lib/webhook-signature-jwt.js",
    ));
