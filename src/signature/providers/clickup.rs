//! `ClickUp`.

use crate::signature::{Encoding, Hash, Place, Retries, Scheme, Signature};

/// `ClickUp`: `X-Signature`, over the body, by the secret that the API returned when the webhook was created. No time is signed.
/// The id is that of the first history item, where there is one. Refused requests are answered 403, because `ClickUp` suspends a webhook
/// at the first 401.
///
/// Source: <https://developer.clickup.com/docs/webhooksignature>
pub static CLICKUP: Scheme = Scheme::new("clickup", "https://developer.clickup.com/docs/webhooksignature")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-signature"]))
    .signed_id(&[Place::Json("/history_items/0/id")])
    .event_type(&[Place::Json("/event")])
    .refused_by(403, "")
    .retries(Retries::documented("https://developer.clickup.com/docs/webhookhealth"));
