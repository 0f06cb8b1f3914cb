//! Auth0 log streams.

use crate::signature::{Batch, Fact, Identified, Place, Retries, Scheme, Token};

/// Auth0's custom log streams: `Authorization` carries what you typed there; include `Bearer ` in the secret if you
/// typed it. Nothing is covered. An array holds many events and so do JSON Lines; an object is one.
///
/// Source: <https://auth0.com/docs/customize/log-streams/custom-log-streams>
pub static AUTH0: Scheme = Scheme::new("auth0", "https://auth0.com/docs/customize/log-streams/custom-log-streams")
    .token(&[Token::plain(Place::Header("authorization"))])
    .unsigned_id(&[Place::Json("/log_id")])
    .event_type(&[Place::Json("/data/type")])
    .batch(Batch {
        field: None,
        items: &[&[""]],
        id: &[Place::Json("/log_id")],
        event_type: &[Place::Json("/data/type")],
        identity: Identified::ById,
    })
    .retries(Retries::documented("https://auth0.com/docs/customize/log-streams/custom-log-streams").same_id(Fact::Yes));
