//! QuickBooks.

use crate::signature::{Batch, Encoding, Hash, Identified, Place, Retries, Scheme, Signature};

/// QuickBooks: `intuit-signature`, base64, over the body, by the verifier token. The newer payload is an array of
/// CloudEvents, each with a signed id; the classic one has no ids and is one event.
///
/// Source: <https://developer.intuit.com/app/developer/qbo/docs/develop/webhooks>
pub static QUICKBOOKS: Scheme =
    Scheme::new("quickbooks", "https://developer.intuit.com/app/developer/qbo/docs/develop/webhooks")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Base64, &["intuit-signature"]))
        .batch(Batch {
            field: None,
            items: &[&[""]],
            id: &[Place::Json("/id")],
            event_type: &[Place::Json("/type")],
            identity: Identified::First(&[
                Identified::By(Place::Join { separator: "|", places: &[Place::Json("/source"), Place::Json("/id")] }),
                Identified::ById,
            ]),
        })
        .signed_ids()
        .identified_by(Identified::First(&[
            Identified::ByBodyWith(Place::Json("/eventNotifications/0/dataChangeEvent/entities/0/lastUpdated")),
            Identified::Never,
        ]))
        .retries(Retries::documented("https://developer.intuit.com/app/developer/qbo/docs/develop/webhooks"));
