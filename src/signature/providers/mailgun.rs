//! Mailgun.

use std::time::Duration;

use crate::signature::{Encoding, Fact, Hash, Identified, Part, Place, Retries, Scheme, Signature, SignatureAt, Stamp};

/// Mailgun: an HMAC over `signature.timestamp` and `signature.token` of the JSON body, which stands there too.
/// **The event is not covered**, nor is its id: whoever captures one request can put another event into it. So an
/// event is identified by the token, which is signed, and a captured token and time are recognised under every other event.
/// Retries carry the old time for eight hours; a refused request is answered 406, which stops them. Events of subaccounts are signed by the primary account in `parent-signature` as well.
///
/// Source: <https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks>
pub static MAILGUN: Scheme =
    Scheme::new("mailgun", "https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Hex, &[])
                .any_length()
                .at(SignatureAt::Places(&[
                    Place::Json("/signature/signature"),
                    Place::Json("/signature/parent-signature"),
                ]))
                .signed(&[Part::Timestamp, Part::At(Place::Json("/signature/token"))])
                .stamp(Stamp::at(Place::Json("/signature/timestamp"))),
        )
        .unsigned_id(&[Place::Json("/event-data/id")])
        .identified_by(Identified::By(Place::Json("/signature/token")))
        .event_type(&[Place::Json("/event-data/event")])
        .retries(
            Retries::documented("https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-retries")
                .same_id(Fact::Yes)
                .signed_anew(Fact::No)
                .span(Duration::from_hours(8)),
        )
        .refused_by(406, "");
