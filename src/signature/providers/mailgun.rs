//! Mailgun.

use crate::signature::{Encoding, Hash, Identified, Part, Place, Scheme, Signature, SignatureAt, Stamp};

/// Mailgun: an HMAC over `signature.timestamp` and `signature.token` of the JSON body, which stands there too.
/// **The event is not covered**, nor is its id: whoever captures one request can put another event into it. So a
/// repetition is known by the token, which is signed, and only the tolerance and the memory of tokens stand against
/// replay. Events of subaccounts are signed by the primary account in `parent-signature` as well.
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
        .event_type(&[Place::Json("/event-data/event")]);
