//! `PandaDoc`.

use crate::provider::{BatchLayout, IdentityRule, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// `PandaDoc`: the query parameter `signature` has the signature of the body. A request holds several events. There is neither a
/// signed time nor an id.
///
/// Source: <https://developers.pandadoc.com/reference/webhooks-verification>
pub static PANDADOC: Scheme =
    Scheme::new("pandadoc", "https://developers.pandadoc.com/reference/webhooks-verification")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &[]).places(&[Place::Query("signature")]))
        .batch(BatchLayout {
            field: None,
            items: &[&[""]],
            id: &[],
            event_type: &[Place::Json("/event")],
            identity: IdentityRule::ById,
        })
        .signed_ids()
        .retries(Retries::documented("https://developers.pandadoc.com/docs/webhook-verification"));
