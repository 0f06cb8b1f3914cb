//! Storyblok.

use crate::signature::{Encoding, Hash, Place, Retries, Scheme, Signature};

/// Storyblok: `webhook-signature`, HMAC with SHA-1, over the body. There is neither a signed time nor an id. Storyblok
/// repeats nothing.
///
/// Source: <https://www.storyblok.com/docs/concepts/webhooks>
pub static STORYBLOK: Scheme = Scheme::new("storyblok", "https://www.storyblok.com/docs/concepts/webhooks")
    .signature(Signature::hmac(Hash::Sha1, Encoding::Hex, &["webhook-signature"]))
    .event_type(&[Place::Json("/action")])
    .retries(Retries::documented("https://www.storyblok.com/tp/webhook-secret-with-different-technologies"));
