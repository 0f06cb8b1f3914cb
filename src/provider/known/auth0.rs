//! Auth0 log streams.

use crate::provider::{BatchLayout, Fact, IdentityRule, Retries, Scheme};
use crate::signature::{Place, Token};

/// Auth0's custom log streams: `Authorization` carries the text that you typed in Auth0; if you typed `Bearer ` before the token,
/// include it in the secret. The token covers nothing of the request. An array holds many events, and so does a body of JSON Lines;
/// an object is one event.
///
/// Source: <https://auth0.com/docs/customize/log-streams/custom-log-streams>
pub static AUTH0: Scheme = Scheme::new("auth0", "https://auth0.com/docs/customize/log-streams/custom-log-streams")
    .token(&[Token::plain(Place::Header("authorization"))])
    .unsigned_id(&[Place::Json("/log_id")])
    .event_type(&[Place::Json("/data/type")])
    .batch(BatchLayout {
        field: None,
        items: &[&[""]],
        id: &[Place::Json("/log_id")],
        event_type: &[Place::Json("/data/type")],
        identity: IdentityRule::ById,
    })
    .retries(Retries::documented("https://auth0.com/docs/customize/log-streams/custom-log-streams").same_id(Fact::Yes));
