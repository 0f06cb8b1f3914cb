//! Mailgun.

use std::time::Duration;

use crate::provider::{Fact, IdentityRule, Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp};

/// Mailgun: the field `signature.signature` of the JSON body is an HMAC over `signature.timestamp` and `signature.token`. **The event
/// is not covered**, nor is its id: anybody who captures a request can put another event into it. So an event is identified by the
/// token, which is signed: a captured token and time are recognised as a copy, whatever the event is. Retries carry the old time for
/// eight hours. Rejected requests are answered with 406, which stops the retries. For subaccounts, the primary account signs as well,
/// in `parent-signature`.
///
/// Source: <https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks>
pub static MAILGUN: Scheme =
    Scheme::new("mailgun", "https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Hex, &[])
                .any_length()
                .places(&[Place::Json("/signature/signature"), Place::Json("/signature/parent-signature")])
                .signed(&[Part::Timestamp, Part::At(Place::Json("/signature/token"))])
                .stamp(Stamp::at(Place::Json("/signature/timestamp"))),
        )
        .unsigned_id(&[Place::Json("/event-data/id")])
        .identified_by(IdentityRule::By(Place::Json("/signature/token")))
        .event_type(&[Place::Json("/event-data/event")])
        .retries(
            Retries::documented("https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-retries")
                .same_id(Fact::Yes)
                .signed_anew(Fact::No)
                .span(Duration::from_secs(8 * 60 * 60)),
        )
        .rejected_response(406, "");
