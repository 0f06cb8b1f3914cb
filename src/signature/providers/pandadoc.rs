//! `PandaDoc`.

use crate::signature::{Batch, Encoding, Hash, Identified, Place, Retries, Scheme, Signature, SignatureAt};

/// `PandaDoc`: the signature of the body is in the query, `?signature=`. A request holds several events. There is neither a signed
/// time nor an id.
///
/// Source: <https://developers.pandadoc.com/reference/webhooks-verification>
pub static PANDADOC: Scheme =
    Scheme::new("pandadoc", "https://developers.pandadoc.com/reference/webhooks-verification")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Hex, &[]).at(SignatureAt::Places(&[Place::Query("signature")])),
        )
        .batch(Batch {
            field: None,
            items: &[&[""]],
            id: &[],
            event_type: &[Place::Json("/event")],
            identity: Identified::ById,
        })
        .signed_ids()
        .retries(Retries::documented("https://developers.pandadoc.com/docs/webhook-verification"));
