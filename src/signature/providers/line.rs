//! LINE.

use crate::signature::{Batch, Encoding, Fact, Hash, Identified, Place, Retries, Scheme, Signature};

/// LINE: `x-line-signature`, base64, over the body, by the channel secret as text. No time is signed; each event of
/// a request has its id. The console's "Verify" sends none at all.
///
/// Source: <https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/>
pub static LINE: Scheme =
    Scheme::new("line", "https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Base64, &["x-line-signature"]).any_length())
        .batch(Batch {
            field: None,
            items: &[&["/events"]],
            id: &[Place::Json("/webhookEventId")],
            event_type: &[Place::Json("/type")],
            identity: Identified::ById,
        })
        .signed_ids()
        .retries(
            Retries::documented("https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/")
                .same_id(Fact::Yes),
        );
