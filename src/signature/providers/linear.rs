//! Linear.

use std::time::Duration;

use crate::signature::{Encoding, Fact, Hash, Identified, Place, Retries, Scheme, Signature, Stamp, Tolerance, Unit};

/// What is often taken for the secret.
const NOT_KEYS: &[(&str, &str)] =
    &[("lin_api_", "an API key: take the webhook's signing secret, which begins with lin_wh_")];

/// Linear: `Linear-Signature`, over the body, which holds the time (`webhookTimestamp`, milliseconds; one minute is
/// allowed). The id (`Linear-Delivery`) is not signed, and identifies an event: a
/// retry has the same one and a fresh time in its body; the header `Linear-Timestamp` is not either, and is not
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
    .not_keys(NOT_KEYS)
    .identified_by(Identified::By(Place::Header("linear-delivery")))
    .retries(
        Retries::documented("https://linear.app/developers/webhooks")
            .same_id(Fact::Yes)
            .signed_anew(Fact::Yes)
            .span(Duration::from_secs(25260)),
    );
