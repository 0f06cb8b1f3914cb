//! Revolut.

use std::time::Duration;

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp};

/// Revolut: the signature in `Revolut-Signature: v1=…[,v1=…]` covers `v1.time.body`; there are two signatures while a secret is
/// being replaced. The time is signed, in milliseconds; there is no id. Revolut repeats a request three times, ten minutes apart.
/// Revolut documents that the time is that of the delivery and is to be rejected after five minutes, so a repeated request must
/// have a new time.
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
        .stamp(Stamp::header("revolut-request-timestamp").millis()),
)
.event_type(&[Place::Json("/event")])
.retries(
    Retries::documented(
        "https://developer.revolut.com/docs/guides/merchant/monitor-and-observe/webhooks/verify-the-payload-signature",
    )
    .signed_anew(Fact::Yes)
    .span(Duration::from_secs(30 * 60)),
);
