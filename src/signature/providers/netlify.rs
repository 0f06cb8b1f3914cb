//! Netlify.

use crate::signature::{Claim, Encoding, Hash, Jwt, JwtAlgorithm, Part, Place, Retries, Scheme, Token};

/// Netlify: a JSON Web Signature (HS256) in `X-Webhook-Signature`, with the SHA-256 of the body in its claim `sha256`. It says
/// nothing about time, so a captured request is valid for ever. There is no id of the event, and the type is in a header that is
/// not signed.
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
