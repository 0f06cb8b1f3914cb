//! Gitea.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature};

/// Gitea: the signature in `X-Gitea-Signature` covers the JSON. The JSON is the body or, if the content type of the webhook is a
/// form, the form's field `payload`. No time is signed. Id and type are in headers and are not signed either. Gitea does not
/// repeat requests automatically.
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
