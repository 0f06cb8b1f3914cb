//! `Content-Digest` (RFC 9530).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderValue};
use sfv::{Dictionary, ListEntry, Parser};

use super::super::compare::equal;
use super::super::{Hash, VerifyError};

/// The header.
pub const CONTENT_DIGEST: &str = "content-digest";

/// Longest header that is read, in bytes.
const MAX_BYTES: usize = 4 * 1024;

/// Writes the digest of a body, by SHA-256.
///
/// ```
/// use hookwire::signature::http_message::content_digest;
///
/// let digest = content_digest(br#"{"hello": "world"}"#);
/// assert_eq!(digest, "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:");
/// ```
#[must_use]
pub fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", BASE64.encode(Hash::Sha256.digest(body).as_bytes()))
}

/// Checks the header against a body. At least one of SHA-256 and SHA-512 must be present, and each of them that is present must match.
/// Other algorithms are ignored, because the other algorithms of the registry are too weak to prove anything.
///
/// # Errors
/// Returns an error if the header is missing or malformed, has no usable algorithm, or does not match the body.
pub fn check_content_digest(headers: &HeaderMap, body: &[u8]) -> Result<(), VerifyError> {
    let malformed = VerifyError::Malformed("content digest");
    let lines: Vec<_> = headers.get_all(CONTENT_DIGEST).iter().map(HeaderValue::as_bytes).collect();
    if lines.is_empty() {
        return Err(VerifyError::Missing("content digest"));
    }
    let text = lines.join(&b", "[..]);
    if text.len() > MAX_BYTES {
        return Err(malformed);
    }
    let digests: Dictionary = Parser::new(&text).parse().map_err(|_| malformed)?;
    let mut known = 0;
    for (name, hash) in [("sha-256", Hash::Sha256), ("sha-512", Hash::Sha512)] {
        let Some(entry) = digests.get(name) else { continue };
        let ListEntry::Item(item) = entry else { return Err(malformed) };
        let presented = item.bare_item.as_byte_sequence().ok_or(malformed)?;
        if !bool::from(equal(hash.digest(body).as_bytes(), presented)) {
            return Err(VerifyError::BodyMismatch);
        }
        known += 1;
    }
    if known == 0 { Err(VerifyError::UnsupportedAlgorithm) } else { Ok(()) }
}
