//! `LiveKit`.

use std::time::Duration;

use crate::signature::{Claim, Encoding, Fact, Hash, Jwt, JwtAlgorithm, Part, Place, Retries, Scheme, Setting, Token};

/// `LiveKit`: a JSON Web Token (HS256) in `Authorization`, by the API secret, with the SHA-256 of the body (base64) in its claim
/// `sha256`. The optional setting `api_key` is the key that the token must be issued by. A repeated request carries the first
/// one's token, which is valid for five minutes.
///
/// Source: <https://docs.livekit.io/home/server/webhooks/>
pub static LIVEKIT: Scheme = Scheme::new("livekit", "https://docs.livekit.io/home/server/webhooks/")
    .jwt(Jwt::new(&[Token::bearer_or_plain()], &[JwtAlgorithm::Hs256]).claims(&[
        Claim::hash("/sha256", Hash::Sha256, Encoding::Base64, &[Part::Body]),
        Claim::text("/iss", &[Part::At(Place::Setting("api_key"))]),
    ]))
    .settings(&[Setting::optional("api_key", "the API key that the secret belongs to")])
    .signed_id(&[Place::Json("/id")])
    .event_type(&[Place::Json("/event")])
    .retries(
        Retries::documented("https://github.com/livekit/protocol/blob/main/webhook/url_notifier.go")
            .same_id(Fact::Yes)
            .signed_anew(Fact::No)
            .span(Duration::from_mins(5)),
    );
