//! Gitea.

use crate::signature::{Encoding, Hash, Place, Retries, Scheme, Signature};

/// Gitea: `X-Gitea-Signature`, over the body. No time is signed, nor are id and type, which are in headers.
///
/// Source: <https://docs.gitea.com/usage/repository/webhooks>
pub static GITEA: Scheme = Scheme::new("gitea", "https://docs.gitea.com/usage/repository/webhooks")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-gitea-signature"]))
    .unsigned_id(&[Place::Header("x-gitea-delivery")])
    .event_type(&[Place::Header("x-gitea-event")])
    .retries(Retries::unchecked("https://docs.gitea.com/usage/repository/webhooks"));
