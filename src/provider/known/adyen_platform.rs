//! Adyen, platform webhooks.

use crate::provider::{IdentityRule, Retries, Scheme};
use crate::signature::{Encoding, Hash, KeyText, Place, Signature};

/// Adyen's balance platform, transfer and management webhooks: the signature in `HmacSignature` (base64) covers the body; the key
/// is written as hexadecimal digits. There is no id: an event is identified by its body if the body holds a time or a sequence
/// number, and otherwise every request is handled. No time is checked. For payments see [`ADYEN`](super::ADYEN).
///
/// Source: <https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures>
pub static ADYEN_PLATFORM: Scheme = Scheme::new(
    "adyen_platform",
    "https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures",
)
.signature(Signature::hmac(Hash::Sha256, Encoding::Base64, &["hmacsignature"]).key(KeyText::Hex))
.event_type(&[Place::Json("/type")])
.identified_by(IdentityRule::First(&[
    IdentityRule::ByBodyWith(Place::Json("/timestamp")),
    IdentityRule::ByBodyWith(Place::Json("/data/sequenceNumber")),
    IdentityRule::Never,
]))
.retries(Retries::documented(
    "https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures",
));
