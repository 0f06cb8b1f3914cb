//! Vonage.

use std::time::Duration;

use crate::provider::{Retries, Scheme};
use crate::signature::{Claim, Encoding, Hash, Jwt, JwtAlgorithm, Part, Token};

/// Vonage: a JSON Web Token (HS256) in `Authorization`, signed with the account's signature secret; its claim `payload_hash` has the
/// SHA-256 of the body. The token contains the time when it was made and no expiry. Vonage repeats a request for a day and does not
/// document whether it makes a new token, so a token may be a day old.
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
            .span(Duration::from_secs(24 * 60 * 60)),
    );
