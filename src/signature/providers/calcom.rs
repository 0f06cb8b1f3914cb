//! Cal.com.

use crate::signature::{Encoding, Hash, Place, Retries, Scheme, Signature};

/// `Cal.com`: `X-Cal-Signature-256`, over the body. There is neither a signed time nor an id. A webhook without a secret has the
/// text `no-secret-provided` there, which is no signature.
///
/// Source: <https://cal.com/docs/developing/guides/automation/webhooks>
pub static CALCOM: Scheme = Scheme::new("calcom", "https://cal.com/docs/developing/guides/automation/webhooks")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-cal-signature-256"]))
    .event_type(&[Place::Json("/triggerEvent")])
    .retries(Retries::documented(
        "https://github.com/calcom/cal.com/blob/main/packages/features/webhooks/lib/sendPayload.ts",
    ));
