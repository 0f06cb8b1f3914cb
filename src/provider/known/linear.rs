//! Linear.

use std::time::Duration;

use crate::provider::{Fact, IdentityRule, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature, Stamp, Tolerance};

/// Credentials that are often given instead of the secret by mistake.
const NOT_KEYS: &[(&str, &str)] =
    &[("lin_api_", "an API key: use the webhook's signing secret, which begins with lin_wh_")];

/// Linear: the signature in `Linear-Signature` covers the body, which holds the time (`webhookTimestamp`, milliseconds; it may be
/// one minute off). The id (`Linear-Delivery`) is not signed. It identifies an event: a retry has the same id and a new time in
/// its body. The header `Linear-Timestamp` is not signed either and is ignored.
///
/// Source: <https://linear.app/developers/webhooks>
pub static LINEAR: Scheme = Scheme::new("linear", "https://linear.app/developers/webhooks")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["linear-signature"])
            .any_length()
            .stamp(Stamp::at(Place::Json("/webhookTimestamp")).millis()),
    )
    .tolerance(Tolerance::secs(60, 60))
    .unsigned_id(&[Place::Header("linear-delivery")])
    .event_type(&[Place::Json("/type")])
    .not_keys(NOT_KEYS)
    .identified_by(IdentityRule::By(Place::Header("linear-delivery")))
    .retries(
        Retries::documented("https://linear.app/developers/webhooks")
            .same_id(Fact::Yes)
            .signed_anew(Fact::Yes)
            .span(Duration::from_secs(25260)),
    );
