//! Gitea.

use crate::signature::{Encoding, Hash, Part, Place, Retries, Scheme, Signature};

/// Gitea: `X-Gitea-Signature`, over the JSON: the body or, where the content type of the webhook is a form, its field
/// `payload` alone. No time is signed, nor are id and type, which are in headers. Gitea repeats nothing by itself.
///
/// Source: <https://docs.gitea.com/usage/repository/webhooks>
pub static GITEA: Scheme = Scheme::new("gitea", "https://docs.gitea.com/usage/repository/webhooks")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-gitea-signature"])
            .or_signed(&[Part::At(Place::Form("payload"))]),
    )
    .unsigned_id(&[Place::Header("x-gitea-delivery")])
    .event_type(&[Place::Header("x-gitea-event")])
    .retries(Retries::documented("https://github.com/go-gitea/gitea/blob/main/services/webhook/deliver.go"));
