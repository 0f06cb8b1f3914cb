//! Postmark.

use std::time::Duration;

use crate::signature::{Identified, Place, Retries, Scheme, Token};

/// What tells one event of a message from another: Delivery, Open and Click share its id.
pub(super) const IDENTITY: Identified = Identified::First(&[
    Identified::By(Place::Json("/ID")),
    Identified::By(Place::Join {
        separator: "|",
        places: &[
            Place::Json("/MessageID"),
            Place::Json("/Recipient"),
            Place::Json("/OriginalLink"),
            Place::Json("/ReceivedAt"),
        ],
    }),
    Identified::By(Place::Join {
        separator: "|",
        places: &[Place::Json("/MessageID"), Place::Json("/Recipient"), Place::Json("/ReceivedAt")],
    }),
    Identified::By(Place::Join {
        separator: "|",
        places: &[Place::Json("/MessageID"), Place::Json("/Recipient"), Place::Json("/DeliveredAt")],
    }),
    Identified::By(Place::Join {
        separator: "|",
        places: &[Place::Json("/MessageID"), Place::Json("/Recipient"), Place::Json("/ChangedAt")],
    }),
    Identified::By(Place::Join {
        separator: "|",
        places: &[Place::Json("/MessageID"), Place::Json("/OriginalRecipient")],
    }),
    Identified::Never,
]);

/// Postmark with HTTP Basic credentials in its URL: the secret is `user:password`. Nothing is covered. Refused
/// requests are answered 403, which stops Postmark's retries.
///
/// Source: <https://postmarkapp.com/developer/webhooks/webhooks-overview>
pub static POSTMARK: Scheme = Scheme::new("postmark", "https://postmarkapp.com/developer/webhooks/webhooks-overview")
    .token(&[Token::basic()])
    .unsigned_id(&[Place::Json("/ID"), Place::Json("/MessageID")])
    .event_type(&[Place::Json("/RecordType")])
    .refused_by(403, "")
    .max_body(50 << 20)
    .identified_by(IDENTITY)
    .retries(
        Retries::documented("https://postmarkapp.com/developer/webhooks/webhooks-overview")
            .span(Duration::from_mins(630)),
    );
