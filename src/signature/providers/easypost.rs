//! `EasyPost`.

use crate::signature::{Encoding, Hash, Place, Retries, Scheme, Signature};

/// `EasyPost`: `X-Hmac-Signature: hmac-sha256-hex=…`, over the body. No time is signed; the id in the body is. A secret with
/// characters outside of ASCII is given in Unicode's form NFKD, in which `EasyPost` signs with it.
///
/// Source: <https://docs.easypost.com/guides/webhooks-guide>
pub static EASYPOST: Scheme = Scheme::new("easypost", "https://docs.easypost.com/guides/webhooks-guide")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-hmac-signature"]).prefix("hmac-sha256-hex="))
    .signed_id(&[Place::Json("/id")])
    .event_type(&[Place::Json("/description")])
    .retries(Retries::documented("https://docs.easypost.com/guides/webhooks-guide"));
