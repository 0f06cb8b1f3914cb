//! Patreon.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Patreon: the signature in `X-Patreon-Signature` (HMAC-MD5) covers the body. There is neither a signed time nor an id, and the
/// type is in a header that is not signed.
///
/// Source: <https://docs.patreon.com/#webhooks>
pub static PATREON: Scheme = Scheme::new("patreon", "https://docs.patreon.com/#webhooks")
    .signature(Signature::hmac(Hash::Md5, Encoding::Hex, &["x-patreon-signature"]))
    .event_type(&[Place::Header("x-patreon-event")])
    .retries(Retries::unchecked("https://docs.patreon.com/#webhooks"));
