//! Vercel.

use crate::signature::{Encoding, Fact, Hash, Place, Retries, Scheme, Signature};

/// Vercel: `x-vercel-signature`, HMAC-SHA1, over the body. The id in the body is signed; the time (`createdAt`) is
/// too, and Vercel's retries keep it, so it is not judged.
///
/// Source: <https://vercel.com/docs/webhooks/webhooks-api>
pub static VERCEL: Scheme = Scheme::new("vercel", "https://vercel.com/docs/webhooks/webhooks-api")
    .signature(Signature::hmac(Hash::Sha1, Encoding::Hex, &["x-vercel-signature"]).any_length())
    .signed_id(&[Place::Json("/id")])
    .event_type(&[Place::Json("/type")])
    .retries(Retries::documented("https://vercel.com/docs/webhooks/webhooks-api").same_id(Fact::Yes));
