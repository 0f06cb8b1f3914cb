//! Unit.

use crate::signature::{Batch, Encoding, Hash, Identified, Place, Retries, Scheme, Signature};

/// Unit: `X-Unit-Signature`, HMAC with SHA-1, base64, over the body, by the webhook's token. A request holds several events, each
/// with its id. No time is signed.
///
/// Source: <https://www.unit.co/docs/api/webhooks>
pub static UNIT: Scheme = Scheme::new("unit", "https://www.unit.co/docs/api/webhooks")
    .signature(Signature::hmac(Hash::Sha1, Encoding::Base64, &["x-unit-signature"]))
    .batch(Batch {
        field: None,
        items: &[&["/data"]],
        id: &[Place::Json("/id")],
        event_type: &[Place::Json("/type")],
        identity: Identified::ById,
    })
    .signed_ids()
    .retries(Retries::documented("https://github.com/unit-finance/unit-node-sdk/blob/main/resources/webhooks.ts"));
