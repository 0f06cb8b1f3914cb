//! Airwallex.

use std::time::Duration;

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp};

/// Airwallex: the signature in `x-signature` covers time and body. The time is signed, in milliseconds. Airwallex repeats a
/// request for about three days. It does not document whether a repeated request has a new time, so a time of that age is
/// accepted.
///
/// Source: <https://www.airwallex.com/docs/developer-tools/webhooks/listen-for-webhook-events>
pub static AIRWALLEX: Scheme =
    Scheme::new("airwallex", "https://www.airwallex.com/docs/developer-tools/webhooks/listen-for-webhook-events")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-signature"])
                .signed(&[Part::Timestamp, Part::Body])
                .stamp(Stamp::header("x-timestamp").millis()),
        )
        .signed_id(&[Place::Json("/id")])
        .event_type(&[Place::Json("/name")])
        .retries(
            Retries::documented("https://www.airwallex.com/docs/developer-tools/webhooks/webhooks-overview")
                .same_id(Fact::Yes)
                .span(Duration::from_secs(72 * 60 * 60)),
        );
