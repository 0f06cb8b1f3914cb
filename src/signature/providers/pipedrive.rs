//! Pipedrive.

use std::time::Duration;

use crate::signature::{Place, Retries, Scheme, Token};

/// Pipedrive: HTTP Basic credentials; the secret is `user:password`. Nothing of the request is covered. What identifies an event
/// is the object's id together with the time of the change, because version 1 has no id of the event.
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
