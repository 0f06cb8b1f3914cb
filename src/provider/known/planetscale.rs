//! `PlanetScale`.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// `PlanetScale`: the signature in `X-PlanetScale-Signature` covers the body. There is neither a signed time nor an id.
///
/// Source: <https://planetscale.com/docs/api/webhooks>
pub static PLANETSCALE: Scheme = Scheme::new("planetscale", "https://planetscale.com/docs/api/webhooks")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-planetscale-signature"]))
    .event_type(&[Place::Json("/event")])
    .retries(Retries::documented("https://planetscale.com/docs/api/webhooks"));
