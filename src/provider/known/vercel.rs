//! Vercel.

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Vercel: the signature in `x-vercel-signature` (HMAC-SHA1) covers the body. The id and the time (`createdAt`) in the body are
/// signed. Vercel's retries keep the time, so it is not checked.
///
/// Source: <https://vercel.com/docs/webhooks/webhooks-api>
pub static VERCEL: Scheme = Scheme::new("vercel", "https://vercel.com/docs/webhooks/webhooks-api")
    .signature(Signature::hmac(Hash::Sha1, Encoding::Hex, &["x-vercel-signature"]).any_length())
    .signed_id(&[Place::Json("/id")])
    .event_type(&[Place::Json("/type")])
    .retries(Retries::documented("https://vercel.com/docs/webhooks/webhooks-api").same_id(Fact::Yes));
