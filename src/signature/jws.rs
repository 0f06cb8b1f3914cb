//! The payload of a JSON Web Signature in its compact form (RFC 7515), read without checking it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Longest signature that contains its message, in bytes. Apple's messages contain signatures with certificates of their own.
pub(crate) const MAX_LONG_BYTES: usize = 256 * 1024;

/// The payload of a token. A word may precede the token (`Bearer`). Nothing is checked here.
pub(crate) fn payload(text: &str) -> Option<Vec<u8>> {
    let token = text.rsplit(' ').next().filter(|token| token.len() <= MAX_LONG_BYTES)?;
    URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()
}
