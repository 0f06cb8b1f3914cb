//! `GoCardless`.

use crate::provider::{BatchLayout, IdentityRule, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// `GoCardless`: the signature in `Webhook-Signature` covers the body. A request holds several events, each with its id. No time
/// is signed. Rejected requests are answered with 498, as `GoCardless` documents.
///
/// Source: <https://developer.gocardless.com/getting-started/staying-up-to-date-with-webhooks>
pub static GOCARDLESS: Scheme =
    Scheme::new("gocardless", "https://developer.gocardless.com/getting-started/staying-up-to-date-with-webhooks")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["webhook-signature"]))
        .batch(BatchLayout {
            field: None,
            items: &[&["/events"]],
            id: &[Place::Json("/id")],
            event_type: &[Place::Join {
                separator: ".",
                places: &[Place::Json("/resource_type"), Place::Json("/action")],
            }],
            identity: IdentityRule::ById,
        })
        .signed_ids()
        .rejected_response(498, "")
        .retries(Retries::documented(
            "https://developer.gocardless.com/getting-started/staying-up-to-date-with-webhooks",
        ));
