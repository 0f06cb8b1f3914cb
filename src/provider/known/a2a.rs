//! A2A, push notifications.

use crate::provider::{IdentityRule, Retries, Scheme};
use crate::signature::{Place, Token};

/// A2A push notifications, versions 1.0 and 0.3. The secret is the token or the credentials of the push configuration. The agent
/// sends it in `X-A2A-Notification-Token` (most agents), in `A2A-Notification-Token`, or in `Authorization` as a bearer token or as
/// HTTP Basic (`user:password`). **The secret covers nothing of the request**: if an agent adds the headers of Standard Webhooks,
/// check those instead. The type is the kind of update: `task`, `message`, `statusUpdate`, `artifactUpdate`. There is no id, and two
/// equal chunks of an artifact are two chunks, so every request is handled. A client must also check that the task is one of its own.
///
/// An agent that sends a JWT which it signed itself needs a separate scheme: the specification does not fix the claims.
///
/// Source: <https://a2a-protocol.org/latest/specification/>
pub static A2A: Scheme = Scheme::new("a2a", "https://a2a-protocol.org/latest/specification/")
    .token(&[
        Token::plain(Place::Header("x-a2a-notification-token")),
        Token::plain(Place::Header("a2a-notification-token")),
        Token::bearer_or_basic(),
    ])
    .event_type(&[Place::Json("/kind"), Place::JsonMember { except: &[] }])
    .identified_by(IdentityRule::Never)
    .retries(Retries::documented("https://a2a-protocol.org/latest/specification/"));
