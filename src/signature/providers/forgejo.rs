//! Forgejo.

use crate::signature::{Encoding, Hash, Place, Retries, Scheme, Signature};

/// Forgejo: `X-Forgejo-Signature`, over the body. No time is signed, nor are id and type, which are in headers.
///
/// Source: <https://forgejo.org/docs/latest/user/webhooks/>
pub static FORGEJO: Scheme = Scheme::new("forgejo", "https://forgejo.org/docs/latest/user/webhooks/")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-forgejo-signature"]))
    .unsigned_id(&[Place::Header("x-forgejo-delivery")])
    .event_type(&[Place::Header("x-forgejo-event")])
    .retries(Retries::unchecked("https://forgejo.org/docs/latest/user/webhooks/"));
