//! Postmark, custom header.

use std::time::Duration;

use crate::provider::{Retries, Scheme, Setting};
use crate::signature::{Place, Token};

/// Postmark with a secret in a custom header, which the setting `header` names. The secret covers nothing of the request. Rejected
/// requests are answered with 403, which stops Postmark's retries.
///
/// Source: <https://postmarkapp.com/developer/webhooks/webhooks-overview>
pub static POSTMARK_HEADER: Scheme =
    Scheme::new("postmark_header", "https://postmarkapp.com/developer/webhooks/webhooks-overview")
        .token(&[Token::plain(Place::HeaderOf("header"))])
        .settings(&[Setting::required("header", "the name of the header that carries the secret").header()])
        .unsigned_id(&[Place::Json("/ID"), Place::Json("/MessageID")])
        .event_type(&[Place::Json("/RecordType")])
        .rejected_response(403, "")
        .max_body(50 << 20)
        .identified_by(super::postmark::IDENTITY)
        .retries(
            Retries::documented("https://postmarkapp.com/developer/webhooks/webhooks-overview")
                .span(Duration::from_secs(630 * 60)),
        );
