//! Postmark.

use crate::signature::{Place, Scheme, Token};

/// Postmark with HTTP Basic credentials in its URL: the secret is `user:password`. Nothing is covered. Refused
/// requests are answered 403, which stops Postmark's retries.
///
/// Source: <https://postmarkapp.com/developer/webhooks/webhooks-overview>
pub static POSTMARK: Scheme = Scheme::new("postmark", "https://postmarkapp.com/developer/webhooks/webhooks-overview")
    .token(&[Token::basic()])
    .unsigned_id(&[Place::Json("/ID"), Place::Json("/MessageID")])
    .event_type(&[Place::Json("/RecordType")])
    .refused_by(403, "")
    .max_body(50 << 20);
