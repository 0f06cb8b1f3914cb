//! Prismic.

use std::time::Duration;

use crate::provider::{Retries, Scheme};
use crate::signature::{Place, Token};

/// Prismic: a shared secret in the field `secret` of the body. The secret covers nothing of the request, and there is no id. Prismic
/// repeats a request up to five times, ten minutes apart.
///
/// Source: <https://prismic.io/docs/webhooks>
pub static PRISMIC: Scheme = Scheme::new("prismic", "https://prismic.io/docs/webhooks")
    .token(&[Token::plain(Place::Json("/secret"))])
    .event_type(&[Place::Json("/type")])
    .retries(Retries::documented("https://prismic.io/docs/webhooks").span(Duration::from_secs(50 * 60)));
