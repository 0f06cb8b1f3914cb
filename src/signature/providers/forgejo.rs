//! Forgejo.

use crate::signature::{Encoding, Hash, Part, Place, Retries, Scheme, Signature};

/// Forgejo: `X-Forgejo-Signature`, over the JSON: the body or, where the content type of the webhook is a form, its field
/// `payload` alone. No time is signed, nor are id and type, which are in headers. Forgejo repeats nothing by itself.
///
/// Source: <https://forgejo.org/docs/latest/user/webhooks/>
pub static FORGEJO: Scheme = Scheme::new("forgejo", "https://forgejo.org/docs/latest/user/webhooks/")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-forgejo-signature"])
            .or_signed(&[Part::At(Place::Form("payload"))]),
    )
    .unsigned_id(&[Place::Header("x-forgejo-delivery")])
    .event_type(&[Place::Header("x-forgejo-event")])
    .retries(Retries::unchecked("https://forgejo.org/docs/latest/user/webhooks/"));
