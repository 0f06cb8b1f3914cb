//! Recurly.

use crate::signature::{Encoding, Hash, Part, Place, Retries, Scheme, Signature, Stamp, Tolerance, Unit};

/// Recurly's JSON webhooks: `recurly-signature: time,signature[,signature]`, over `time.body`; two signatures during the day
/// after a key was replaced. XML webhooks are not signed. The time is signed, in milliseconds; whether a repeated request has a
/// new one is not documented, so it may be a day old.
///
/// Source: <https://docs.recurly.com/recurly-subscriptions/docs/signature-verification>
pub static RECURLY: Scheme =
    Scheme::new("recurly", "https://docs.recurly.com/recurly-subscriptions/docs/signature-verification")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Hex, &["recurly-signature"])
                .list()
                .signed(&[Part::Timestamp, Part::Text("."), Part::Body])
                .stamp(Stamp::first().unit(Unit::Millis)),
        )
        .tolerance(Tolerance::secs(24 * 60 * 60, 300))
        .unsigned_id(&[Place::Header("recurly-notification-id")])
        .event_type(&[Place::Join {
            separator: ".",
            places: &[Place::Json("/object_type"), Place::Json("/event_type")],
        }])
        .retries(Retries::unchecked("https://docs.recurly.com/recurly-subscriptions/docs/signature-verification"));
