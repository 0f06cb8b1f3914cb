//! Pipedrive.

use std::time::Duration;

use crate::provider::{Retries, Scheme};
use crate::signature::{Place, Token};

/// Pipedrive: HTTP Basic credentials; the secret is `user:password`. The credentials cover nothing of the request. Version 1 has no
/// id of the event, so an event is identified by the object's id together with the time of the change.
///
/// Source: <https://pipedrive.readme.io/docs/guide-for-webhooks-v2>
pub static PIPEDRIVE: Scheme = Scheme::new("pipedrive", "https://pipedrive.readme.io/docs/guide-for-webhooks-v2")
    .token(&[Token::basic()])
    .unsigned_id(&[Place::Join { separator: "@", places: &[Place::Json("/meta/id"), Place::Json("/meta/timestamp")] }])
    .event_type(&[
        Place::Join { separator: ".", places: &[Place::Json("/meta/entity"), Place::Json("/meta/action")] },
        Place::Json("/event"),
    ])
    .retries(
        Retries::unchecked("https://pipedrive.readme.io/docs/guide-for-webhooks-v2").span(Duration::from_secs(183)),
    );
