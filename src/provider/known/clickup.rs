//! `ClickUp`.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// `ClickUp`: the signature in `X-Signature` covers the body and is made with the secret that the API returned when the webhook
/// was created. No time is signed. The id is that of the first history item, if there is one. Rejected requests are answered with
/// 403, because `ClickUp` suspends a webhook at the first 401.
///
/// Source: <https://developer.clickup.com/docs/webhooksignature>
pub static CLICKUP: Scheme = Scheme::new("clickup", "https://developer.clickup.com/docs/webhooksignature")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-signature"]))
    .signed_id(&[Place::Json("/history_items/0/id")])
    .event_type(&[Place::Json("/event")])
    .rejected_response(403, "")
    .retries(Retries::documented("https://developer.clickup.com/docs/webhookhealth"));
