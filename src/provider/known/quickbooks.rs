//! QuickBooks.

use crate::provider::{BatchLayout, IdentityRule, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// QuickBooks: the signature in `intuit-signature` (base64) covers the body and is made with the verifier token. The newer
/// payload is an array of `CloudEvents`, each with a signed id; the classic payload has no ids and is one event.
///
/// Source: <https://developer.intuit.com/app/developer/qbo/docs/develop/webhooks>
pub static QUICKBOOKS: Scheme =
    Scheme::new("quickbooks", "https://developer.intuit.com/app/developer/qbo/docs/develop/webhooks")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Base64, &["intuit-signature"]))
        .batch(BatchLayout {
            field: None,
            items: &[&[""]],
            id: &[Place::Json("/id")],
            event_type: &[Place::Json("/type")],
            identity: IdentityRule::First(&[
                IdentityRule::By(Place::Join { separator: "|", places: &[Place::Json("/source"), Place::Json("/id")] }),
                IdentityRule::ById,
            ]),
        })
        .signed_ids()
        .identified_by(IdentityRule::First(&[
            IdentityRule::ByBodyWith(Place::Json("/eventNotifications/0/dataChangeEvent/entities/0/lastUpdated")),
            IdentityRule::Never,
        ]))
        .retries(Retries::documented("https://developer.intuit.com/app/developer/qbo/docs/develop/webhooks"));
