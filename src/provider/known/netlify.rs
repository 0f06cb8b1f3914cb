//! Netlify.

use crate::provider::{Retries, Scheme};
use crate::signature::{Claim, Encoding, Hash, Jwt, JwtAlgorithm, Part, Place, Token};

/// Netlify: a JSON Web Signature (HS256) in `X-Webhook-Signature`; its claim `sha256` has the SHA-256 of the body. It contains no
/// time, so a captured request stays valid forever. The event has no id, and its type is in an unsigned header.
///
/// Source: <https://docs.netlify.com/deploy/deploy-notifications/#payload-signature>
pub static NETLIFY: Scheme =
    Scheme::new("netlify", "https://docs.netlify.com/deploy/deploy-notifications/#payload-signature")
        .jwt(
            Jwt::new(&[Token::plain(Place::Header("x-webhook-signature"))], &[JwtAlgorithm::Hs256])
                .endless()
                .issuers(&["netlify"])
                .claims(&[Claim::hash("/sha256", Hash::Sha256, Encoding::Hex, &[Part::Body])]),
        )
        .event_type(&[Place::Header("x-netlify-event")])
        .retries(Retries::unchecked("https://docs.netlify.com/deploy/deploy-notifications/#payload-signature"));
