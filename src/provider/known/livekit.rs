//! `LiveKit`.

use std::time::Duration;

use crate::provider::{Fact, Retries, Scheme, Setting};
use crate::signature::{Claim, Encoding, Hash, Jwt, JwtAlgorithm, Part, Place, Token};

/// `LiveKit`: a JSON Web Token (HS256) in `Authorization`, signed with the API secret; its claim `sha256` has the SHA-256 of the body
/// (base64). The optional setting `api_key` is the key that must have issued the token. A repeated request carries the token of the
/// first one, which is valid for five minutes.
///
/// Source: <https://docs.livekit.io/home/server/webhooks/>
pub static LIVEKIT: Scheme = Scheme::new("livekit", "https://docs.livekit.io/home/server/webhooks/")
    .jwt(Jwt::new(&[Token::bearer_or_plain()], &[JwtAlgorithm::Hs256]).claims(&[
        Claim::hash("/sha256", Hash::Sha256, Encoding::Base64, &[Part::Body]),
        Claim::text("/iss", &[Part::At(Place::Setting("api_key"))]),
    ]))
    .settings(&[Setting::optional("api_key", "the API key that belongs to the secret")])
    .signed_id(&[Place::Json("/id")])
    .event_type(&[Place::Json("/event")])
    .retries(
        Retries::documented("https://github.com/livekit/protocol/blob/main/webhook/url_notifier.go")
            .same_id(Fact::Yes)
            .signed_anew(Fact::No)
            .span(Duration::from_secs(5 * 60)),
    );
