//! npm registry hooks.

use crate::signature::{Encoding, Hash, Place, Retries, Scheme, Signature};

/// Hooks of the npm registry: `x-npm-signature: sha256=…`, over the body. There is neither a signed time nor an id; npm's own library
/// checks the signature and nothing else.
///
/// Source: <https://github.com/npm/npm-hook-receiver>
pub static NPM: Scheme = Scheme::new("npm", "https://github.com/npm/npm-hook-receiver")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-npm-signature"]).prefix("sha256="))
    .event_type(&[Place::Json("/event")])
    .retries(Retries::documented("https://github.com/npm/npm-hook-receiver/blob/master/index.js"));
