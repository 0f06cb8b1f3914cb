//! Airwallex.

use crate::signature::{Encoding, Hash, Part, Place, Retries, Scheme, Signature, Stamp, Tolerance, Unit};

/// Airwallex: `x-signature`, over time and body. The time is signed, in milliseconds; whether a repeated request has a new one is
/// not documented, and Airwallex repeats for three days, so it may be so old.
///
/// Source: <https://www.airwallex.com/docs/developer-tools/webhooks/listen-for-webhook-events>
pub static AIRWALLEX: Scheme =
    Scheme::new("airwallex", "https://www.airwallex.com/docs/developer-tools/webhooks/listen-for-webhook-events")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-signature"])
                .signed(&[Part::Timestamp, Part::Body])
                .stamp(Stamp::header("x-timestamp").unit(Unit::Millis)),
        )
        .tolerance(Tolerance::secs(3 * 24 * 60 * 60, 300))
        .signed_id(&[Place::Json("/id")])
        .event_type(&[Place::Json("/name")])
        .retries(Retries::unchecked(
            "https://www.airwallex.com/docs/developer-tools/webhooks/listen-for-webhook-events",
        ));
