//! Revolut.

use std::time::Duration;

use crate::signature::{Encoding, Fact, Hash, Part, Place, Retries, Scheme, Signature, Stamp, Unit};

/// Revolut: `Revolut-Signature: v1=…[,v1=…]`, over `v1.time.body`; two signatures while a secret is replaced. The time is signed,
/// in milliseconds; there is no id. Revolut repeats a request three times, ten minutes apart. The time is documented as that
/// of the delivery, to be refused after five minutes, so a repeated request has a new one.
///
/// Source: <https://developer.revolut.com/docs/guides/merchant/reference/webhooks/verify-the-payload-signature>
pub static REVOLUT: Scheme = Scheme::new(
    "revolut",
    "https://developer.revolut.com/docs/guides/merchant/reference/webhooks/verify-the-payload-signature",
)
.signature(
    Signature::hmac(Hash::Sha256, Encoding::Hex, &["revolut-signature"])
        .fields(&["v1"])
        .signed(&[Part::Text("v1."), Part::Timestamp, Part::Text("."), Part::Body])
        .stamp(Stamp::header("revolut-request-timestamp").unit(Unit::Millis)),
)
.event_type(&[Place::Json("/event")])
.retries(
    Retries::documented(
        "https://developer.revolut.com/docs/guides/merchant/monitor-and-observe/webhooks/verify-the-payload-signature",
    )
    .signed_anew(Fact::Yes)
    .span(Duration::from_mins(30)),
);
