//! Forgejo.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature};

/// Forgejo: the signature in `X-Forgejo-Signature` covers the JSON. The JSON is the body or, if the content type of the webhook
/// is a form, the form's field `payload`. No time is signed. Id and type are in headers and are not signed either. Forgejo does
/// not repeat requests automatically.
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
