//! Unit.

use crate::provider::{BatchLayout, IdentityRule, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Unit: the signature in `X-Unit-Signature` (HMAC-SHA1, base64) covers the body and is made with the webhook's token. A request
/// holds several events, each with its id. No time is signed.
///
/// Source: <https://www.unit.co/docs/api/webhooks>
pub static UNIT: Scheme = Scheme::new("unit", "https://www.unit.co/docs/api/webhooks")
    .signature(Signature::hmac(Hash::Sha1, Encoding::Base64, &["x-unit-signature"]))
    .batch(BatchLayout {
        field: None,
        items: &[&["/data"]],
        id: &[Place::Json("/id")],
        event_type: &[Place::Json("/type")],
        identity: IdentityRule::ById,
    })
    .signed_ids()
    .retries(Retries::documented("https://github.com/unit-finance/unit-node-sdk/blob/main/resources/webhooks.ts"));
