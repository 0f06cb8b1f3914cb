//! `EasyPost`.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// `EasyPost`: the signature in `X-Hmac-Signature: hmac-sha256-hex=…` covers the body. The id in the body is signed; no time is signed.
/// `EasyPost` signs with the Unicode form NFKD of the secret: give a secret with characters outside of ASCII in that form.
///
/// Source: <https://docs.easypost.com/guides/webhooks-guide>
pub static EASYPOST: Scheme = Scheme::new("easypost", "https://docs.easypost.com/guides/webhooks-guide")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-hmac-signature"]).prefix("hmac-sha256-hex="))
    .signed_id(&[Place::Json("/id")])
    .event_type(&[Place::Json("/description")])
    .retries(Retries::documented("https://docs.easypost.com/guides/webhooks-guide"));
