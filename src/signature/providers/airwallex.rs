//! Airwallex.

use std::time::Duration;

use crate::signature::{Encoding, Fact, Hash, Part, Place, Retries, Scheme, Signature, Stamp, Unit};

/// Airwallex: `x-signature`, over time and body. The time is signed, in milliseconds. Airwallex repeats a request for about three
/// days; whether with a new time is not documented, so the time may be that old.
///
/// Source: <https://www.airwallex.com/docs/developer-tools/webhooks/listen-for-webhook-events>
pub static AIRWALLEX: Scheme =
    Scheme::new("airwallex", "https://www.airwallex.com/docs/developer-tools/webhooks/listen-for-webhook-events")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-signature"])
                .signed(&[Part::Timestamp, Part::Body])
                .stamp(Stamp::header("x-timestamp").unit(Unit::Millis)),
        )
        .signed_id(&[Place::Json("/id")])
        .event_type(&[Place::Json("/name")])
        .retries(
            Retries::documented("https://www.airwallex.com/docs/developer-tools/webhooks/webhooks-overview")
                .same_id(Fact::Yes)
                .span(Duration::from_hours(72)),
        );
