//! Storyblok.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Storyblok: the signature in `webhook-signature` (HMAC-SHA1) covers the body. There is neither a signed time nor an id.
/// Storyblok does not repeat requests.
///
/// Source: <https://www.storyblok.com/docs/concepts/webhooks>
pub static STORYBLOK: Scheme = Scheme::new("storyblok", "https://www.storyblok.com/docs/concepts/webhooks")
    .signature(Signature::hmac(Hash::Sha1, Encoding::Hex, &["webhook-signature"]))
    .event_type(&[Place::Json("/action")])
    .retries(Retries::documented("https://www.storyblok.com/tp/webhook-secret-with-different-technologies"));
