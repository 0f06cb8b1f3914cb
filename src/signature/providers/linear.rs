//! Linear.

use crate::signature::{Encoding, Hash, Place, Scheme, Signature, Stamp, Tolerance, Unit};

/// What is often taken for the secret.
const NOT_KEYS: &[(&str, &str)] =
    &[("lin_api_", "an API key: take the webhook's signing secret, which begins with lin_wh_")];

/// Linear: `Linear-Signature`, over the body, which holds the time (`webhookTimestamp`, milliseconds; one minute is
/// allowed). The id (`Linear-Delivery`) is not signed; the header `Linear-Timestamp` is not either, and is not
/// looked at.
///
/// Source: <https://linear.app/developers/webhooks>
pub static LINEAR: Scheme = Scheme::new("linear", "https://linear.app/developers/webhooks")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["linear-signature"])
            .any_length()
            .stamp(Stamp::at(Place::Json("/webhookTimestamp")).unit(Unit::Millis)),
    )
    .tolerance(Tolerance::secs(60, 60))
    .unsigned_id(&[Place::Header("linear-delivery")])
    .event_type(&[Place::Json("/type")])
    .not_keys(NOT_KEYS);
