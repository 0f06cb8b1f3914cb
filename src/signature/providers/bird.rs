//! Bird (`MessageBird`).

use crate::signature::{Claim, Encoding, Hash, Jwt, JwtAlgorithm, Part, Place, Retries, Scheme, Setting, Token};

/// Bird, formerly `MessageBird`: a JSON Web Token in `MessageBird-Signature-JWT`, with the SHA-256 of the body in `payload_hash`
/// and that of the URL in `url_hash`, which is compared where the setting `url` is given.
///
/// Source: <https://developers.messagebird.com/api/#verifying-http-requests>
pub static BIRD: Scheme = Scheme::new("bird", "https://developers.messagebird.com/api/#verifying-http-requests")
    .jwt(
        Jwt::new(
            &[Token::plain(Place::Header("messagebird-signature-jwt"))],
            &[JwtAlgorithm::Hs256, JwtAlgorithm::Hs384, JwtAlgorithm::Hs512],
        )
        .issuers(&["MessageBird"])
        .claims(&[
            Claim::hash("/payload_hash", Hash::Sha256, Encoding::Hex, &[Part::Body]).absent_if_empty(),
            Claim::hash("/url_hash", Hash::Sha256, Encoding::Hex, &[Part::Url("url")]),
        ]),
    )
    .settings(&[Setting::optional("url", "the webhook's URL, or its origin").url()])
    .signed_id(&[Place::Json("/id")])
    .event_type(&[Place::Json("/type")])
    .retries(Retries::unchecked("https://developers.messagebird.com/api/#verifying-http-requests"));
