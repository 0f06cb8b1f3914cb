//! `GoCardless`.

use crate::signature::{Batch, Encoding, Hash, Identified, Place, Retries, Scheme, Signature};

/// `GoCardless`: `Webhook-Signature`, over the body. A request holds several events, each with its id. No time is signed. A refusal
/// is answered by 498, as `GoCardless` asks for.
///
/// Source: <https://developer.gocardless.com/getting-started/staying-up-to-date-with-webhooks>
pub static GOCARDLESS: Scheme =
    Scheme::new("gocardless", "https://developer.gocardless.com/getting-started/staying-up-to-date-with-webhooks")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["webhook-signature"]))
        .batch(Batch {
            field: None,
            items: &[&["/events"]],
            id: &[Place::Json("/id")],
            event_type: &[Place::Join {
                separator: ".",
                places: &[Place::Json("/resource_type"), Place::Json("/action")],
            }],
            identity: Identified::ById,
        })
        .signed_ids()
        .refused_by(498, "")
        .retries(Retries::documented(
            "https://developer.gocardless.com/getting-started/staying-up-to-date-with-webhooks",
        ));
