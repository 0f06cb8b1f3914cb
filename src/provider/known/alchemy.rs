//! Alchemy.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Alchemy: the signature in `X-Alchemy-Signature` covers the body and is made with the webhook's signing key. The id in the body is
/// signed; no time is signed.
///
/// Source: <https://www.alchemy.com/docs/reference/notify-api-quickstart>
pub static ALCHEMY: Scheme = Scheme::new("alchemy", "https://www.alchemy.com/docs/reference/notify-api-quickstart")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-alchemy-signature"]))
    .signed_id(&[Place::Json("/id")])
    .event_type(&[Place::Json("/type")])
    .retries(Retries::unchecked("https://www.alchemy.com/docs/reference/notify-api-quickstart"));
