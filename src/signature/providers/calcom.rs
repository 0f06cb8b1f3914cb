//! Cal.com.

use crate::signature::{Encoding, Hash, Place, Retries, Scheme, Signature};

/// Cal.com: `X-Cal-Signature-256`, over the body. There is neither a signed time nor an id.
///
/// Source: <https://cal.com/docs/developing/guides/automation/webhooks>
pub static CALCOM: Scheme = Scheme::new("calcom", "https://cal.com/docs/developing/guides/automation/webhooks")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-cal-signature-256"]))
    .event_type(&[Place::Json("/triggerEvent")])
    .retries(Retries::unchecked("https://cal.com/docs/developing/guides/automation/webhooks"));
