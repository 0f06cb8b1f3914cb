//! Cal.com.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// `Cal.com`: the signature in `X-Cal-Signature-256` covers the body. There is neither a signed time nor an id. A webhook without
/// a secret sends the text `no-secret-provided` in this header, which is not a signature.
///
/// Source: <https://cal.com/docs/developing/guides/automation/webhooks>
pub static CALCOM: Scheme = Scheme::new("calcom", "https://cal.com/docs/developing/guides/automation/webhooks")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-cal-signature-256"]))
    .event_type(&[Place::Json("/triggerEvent")])
    .retries(Retries::documented(
        "https://github.com/calcom/cal.com/blob/main/packages/features/webhooks/lib/sendPayload.ts",
    ));
