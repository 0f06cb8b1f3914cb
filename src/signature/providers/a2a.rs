//! A2A, push notifications.

use crate::signature::{Identified, Place, Retries, Scheme, Token};

/// A2A push notifications, of version 1.0 and of 0.3: the secret is the token or the credentials of the push
/// configuration, and comes in `X-A2A-Notification-Token` (what most agents send), `A2A-Notification-Token`, or `Authorization` as
/// a bearer token or as HTTP Basic (`user:password`). **Nothing is covered**: where an agent adds the headers of Standard Webhooks,
/// check those instead. The type is the kind of update: `task`, `message`, `statusUpdate`, `artifactUpdate`. There is no id, and
/// two equal chunks of an artifact are two chunks, so every request is handled. A client must also check that the task is one of its own.
///
/// Agents that sign a token of their own (JWT) need a scheme of their own: the specification leaves its claims open.
///
/// Source: <https://a2a-protocol.org/latest/specification/>
pub static A2A: Scheme = Scheme::new("a2a", "https://a2a-protocol.org/latest/specification/")
    .token(&[
        Token::plain(Place::Header("x-a2a-notification-token")),
        Token::plain(Place::Header("a2a-notification-token")),
        Token::bearer_or_basic(),
    ])
    .event_type(&[Place::Json("/kind"), Place::JsonMember { except: &[] }])
    .identified_by(Identified::Never)
    .retries(Retries::documented("https://a2a-protocol.org/latest/specification/"));
