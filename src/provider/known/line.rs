//! LINE.

use crate::provider::{BatchLayout, Fact, IdentityRule, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// LINE: the signature in `x-line-signature` (base64) covers the body and is made with the channel secret as text. No time is
/// signed. Each event of a request has its id. The button "Verify" of LINE's console sends a request without events.
///
/// Source: <https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/>
pub static LINE: Scheme =
    Scheme::new("line", "https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Base64, &["x-line-signature"]).any_length())
        .batch(BatchLayout {
            field: None,
            items: &[&["/events"]],
            id: &[Place::Json("/webhookEventId")],
            event_type: &[Place::Json("/type")],
            identity: IdentityRule::ById,
        })
        .signed_ids()
        .retries(
            Retries::documented("https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/")
                .same_id(Fact::Yes),
        );
