//! Vonage.

use std::time::Duration;

use crate::signature::{Claim, Encoding, Hash, Jwt, JwtAlgorithm, Part, Retries, Scheme, Token};

/// Vonage: a JSON Web Token (HS256) in `Authorization`, by the account's signature secret, with the SHA-256 of the body in
/// `payload_hash`. The token says when it was made and not when it ends; Vonage repeats a request for a day, and whether with a
/// new token is not documented, so it may be a day old.
///
/// Source: <https://developer.vonage.com/en/getting-started/concepts/webhooks>
pub static VONAGE: Scheme = Scheme::new("vonage", "https://developer.vonage.com/en/getting-started/concepts/webhooks")
    .jwt(
        Jwt::new(&[Token::bearer()], &[JwtAlgorithm::Hs256])
            .endless()
            .dated()
            .issuers(&["Vonage"])
            .claims(&[Claim::hash("/payload_hash", Hash::Sha256, Encoding::Hex, &[Part::Body]).absent_if_empty()]),
    )
    .retries(
        Retries::documented("https://api.support.vonage.com/hc/en-us/articles/360028543292")
            .span(Duration::from_hours(24)),
    );
