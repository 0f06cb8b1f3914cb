//! npm registry hooks.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Hooks of the npm registry: the signature in `x-npm-signature: sha256=…` covers the body. There is neither a signed time nor an
/// id; npm's own library checks only the signature.
///
/// Source: <https://github.com/npm/npm-hook-receiver>
pub static NPM: Scheme = Scheme::new("npm", "https://github.com/npm/npm-hook-receiver")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-npm-signature"]).prefix("sha256="))
    .event_type(&[Place::Json("/event")])
    .retries(Retries::documented("https://github.com/npm/npm-hook-receiver/blob/master/index.js"));
