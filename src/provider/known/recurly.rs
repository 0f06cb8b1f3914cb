//! Recurly.

use std::time::Duration;

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp};

/// Recurly repeats a request ten times. The wait before each repetition is `10 + n * 2^(n + 5)` seconds, with n from 0 to 9.
const SPAN: Duration = Duration::from_secs(262_308);

/// Recurly's JSON webhooks: the signature in `recurly-signature: time,signature[,signature]` covers `time.body`; there are two
/// signatures on the day after a key was replaced. XML webhooks are not signed. The time is signed, in milliseconds. Recurly
/// repeats a request for three days, and its own libraries reject a time that is more than five minutes off, so a repeated
/// request must have a new time.
///
/// Source: <https://docs.recurly.com/recurly-subscriptions/docs/signature-verification>
pub static RECURLY: Scheme =
    Scheme::new("recurly", "https://docs.recurly.com/recurly-subscriptions/docs/signature-verification")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Hex, &["recurly-signature"])
                .list()
                .signed(&[Part::Timestamp, Part::Text("."), Part::Body])
                .stamp(Stamp::first().millis()),
        )
        .unsigned_id(&[Place::Header("recurly-notification-id")])
        .event_type(&[Place::Join {
            separator: ".",
            places: &[Place::Json("/object_type"), Place::Json("/event_type")],
        }])
        .retries(
            Retries::documented("https://docs.recurly.com/recurly-subscriptions/docs/automatic-retries")
                .signed_anew(Fact::Yes)
                .span(SPAN),
        );
