//! Veriff.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Veriff: the signature in `X-HMAC-Signature` covers the body and is made with the shared secret. There is neither a signed time
/// nor an id of the event.
///
/// Source: <https://devdocs.veriff.com/docs/hmac-authentication-and-endpoint-security>
pub static VERIFF: Scheme =
    Scheme::new("veriff", "https://devdocs.veriff.com/docs/hmac-authentication-and-endpoint-security")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-hmac-signature"]))
        .event_type(&[Place::Json("/action")])
        .retries(Retries::unchecked("https://devdocs.veriff.com/docs/hmac-authentication-and-endpoint-security"));
