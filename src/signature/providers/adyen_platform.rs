//! Adyen, platform webhooks.

use crate::signature::{Encoding, Hash, KeyText, Place, Scheme, Signature};

/// Adyen's balance platform, transfer and management webhooks: `HmacSignature`, base64, over the body, by the key's
/// hexadecimal digits. No id is declared and no time is judged. For payments see [`ADYEN`](super::ADYEN).
///
/// Source: <https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures>
pub static ADYEN_PLATFORM: Scheme = Scheme::new(
    "adyen_platform",
    "https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures",
)
.signature(Signature::hmac(Hash::Sha256, Encoding::Base64, &["hmacsignature"]).key(KeyText::Hex))
.event_type(&[Place::Json("/type")]);
