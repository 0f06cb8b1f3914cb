//! Adyen, platform webhooks.

use crate::signature::{Encoding, Hash, Identified, KeyText, Place, Retries, Scheme, Signature};

/// Adyen's balance platform, transfer and management webhooks: `HmacSignature`, base64, over the body, by the key's
/// hexadecimal digits. There is no id: an event is identified by its body, where that holds a time or a
/// sequence number; otherwise every request is handled. No time is judged. For payments see [`ADYEN`](super::ADYEN).
///
/// Source: <https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures>
pub static ADYEN_PLATFORM: Scheme = Scheme::new(
    "adyen_platform",
    "https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures",
)
.signature(Signature::hmac(Hash::Sha256, Encoding::Base64, &["hmacsignature"]).key(KeyText::Hex))
.event_type(&[Place::Json("/type")])
.identified_by(Identified::First(&[
    Identified::ByBodyWith(Place::Json("/timestamp")),
    Identified::ByBodyWith(Place::Json("/data/sequenceNumber")),
    Identified::Never,
]))
.retries(Retries::documented(
    "https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures",
));
