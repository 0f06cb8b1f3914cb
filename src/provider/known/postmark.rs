//! Postmark.

use std::time::Duration;

use crate::provider::{IdentityRule, Retries, Scheme};
use crate::signature::{Place, Token};

/// The parts of the identity: the events Delivery, Open and Click of a message share the message's id.
pub(super) const IDENTITY: IdentityRule = IdentityRule::First(&[
    IdentityRule::By(Place::Json("/ID")),
    IdentityRule::By(Place::Join {
        separator: "|",
        places: &[
            Place::Json("/MessageID"),
            Place::Json("/Recipient"),
            Place::Json("/OriginalLink"),
            Place::Json("/ReceivedAt"),
        ],
    }),
    IdentityRule::By(Place::Join {
        separator: "|",
        places: &[Place::Json("/MessageID"), Place::Json("/Recipient"), Place::Json("/ReceivedAt")],
    }),
    IdentityRule::By(Place::Join {
        separator: "|",
        places: &[Place::Json("/MessageID"), Place::Json("/Recipient"), Place::Json("/DeliveredAt")],
    }),
    IdentityRule::By(Place::Join {
        separator: "|",
        places: &[Place::Json("/MessageID"), Place::Json("/Recipient"), Place::Json("/ChangedAt")],
    }),
    IdentityRule::By(Place::Join {
        separator: "|",
        places: &[Place::Json("/MessageID"), Place::Json("/OriginalRecipient")],
    }),
    IdentityRule::Never,
]);

/// Postmark with HTTP Basic credentials in its URL: the secret is `user:password`. The credentials cover nothing of the request.
/// Rejected requests are answered with 403, which stops Postmark's retries.
///
/// Source: <https://postmarkapp.com/developer/webhooks/webhooks-overview>
pub static POSTMARK: Scheme = Scheme::new("postmark", "https://postmarkapp.com/developer/webhooks/webhooks-overview")
    .token(&[Token::basic()])
    .unsigned_id(&[Place::Json("/ID"), Place::Json("/MessageID")])
    .event_type(&[Place::Json("/RecordType")])
    .rejected_response(403, "")
    .max_body(50 << 20)
    .identified_by(IDENTITY)
    .retries(
        Retries::documented("https://postmarkapp.com/developer/webhooks/webhooks-overview")
            .span(Duration::from_secs(630 * 60)),
    );
