//! Public keys in whatever form a provider shows them: hexadecimal, base64, PEM or JSON Web Key.

use std::sync::Arc;

use base64::Engine as _;
use ed25519_dalek::VerifyingKey;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::p256::P256Key;
use super::rsa::RsaKey;
use super::text::{BASE64, BASE64_URL, is_quoted, trimmed};
use super::{Key, KeyError, Kind};

/// Longest public key accepted, in bytes: a certificate with a key of 8192 bits is shorter.
const MAX_PUBLIC_BYTES: usize = 16 * 1024;

/// What stands before the 32 bytes of an Ed25519 key in its `SubjectPublicKeyInfo` (RFC 8410).
const ED25519_SPKI_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Padding and hash of an RSA signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RsaForm {
    Pkcs1Sha1,
    Pkcs1Sha256,
    Pkcs1Sha384,
    Pkcs1Sha512,
    PssSha256,
}

/// A JSON Web Key (RFC 7517), as far as it is looked at.
#[derive(Deserialize)]
pub(crate) struct Jwk {
    kty: String,
    pub(crate) kid: Option<String>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    /// Plaid: when it was withdrawn.
    pub(crate) expired_at: Option<IgnoredAny>,
}

impl Jwk {
    /// The key; `None` for a kind that is not known, or one that is not sound.
    pub(crate) fn key(&self) -> Option<Key> {
        let number = |text: &Option<String>| BASE64_URL.decode(text.as_deref()?).ok();
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => RsaKey::from_numbers(&number(&self.n)?, &number(&self.e)?).map(Key::of_rsa),
            ("EC", Some("P-256")) => {
                let point = [vec![4], number(&self.x)?, number(&self.y)?].concat();
                P256Key::from_point(&point).map(Key::of_p256)
            }
            ("OKP", Some("Ed25519")) => Key::verifying(&number(&self.x)?).ok(),
            _ => None,
        }
    }
}

impl Key {
    /// An Ed25519 public key in any of the forms that providers show: 64 hexadecimal digits, base64 or base64url of the 32
    /// bytes or of their `SubjectPublicKeyInfo`, PEM, or a JSON Web Key.
    ///
    /// # Errors
    /// When it is none of these, or an unsound key.
    pub fn ed25519(text: &str) -> Result<Self, KeyError> {
        let text = public_text(text)?;
        if text.starts_with('{') {
            return jwk(text).filter(|key| matches!(key.kind(), Kind::Verifying(_))).ok_or(KeyError::NoEd25519);
        }
        let bytes = match text.len() {
            64 if text.bytes().all(|byte| byte.is_ascii_hexdigit()) => hex::decode(text).ok(),
            _ => decode_lines(text),
        };
        let bytes = bytes.ok_or(KeyError::NoEd25519)?;
        match bytes.strip_prefix(&ED25519_SPKI_HEAD).unwrap_or(&bytes) {
            key if key.len() == 32 => Self::verifying(key),
            _ => Err(KeyError::NoEd25519),
        }
    }

    /// A P-256 public key in any of the forms that providers show: PEM (`PUBLIC KEY` or `CERTIFICATE`), base64 of its
    /// `SubjectPublicKeyInfo`, or a JSON Web Key. Without the feature `public-key` there is none.
    ///
    /// # Errors
    /// When it is none of these, or of another curve.
    pub fn p256(text: &str) -> Result<Self, KeyError> {
        let text = public_text(text)?;
        if text.starts_with('{') {
            return jwk(text).filter(|key| matches!(key.kind(), Kind::P256(_))).ok_or(KeyError::NoP256);
        }
        let key = match text.starts_with("-----") {
            true => P256Key::from_pem(text.as_bytes()),
            false => decode_lines(text).and_then(|der| P256Key::from_spki(&der)),
        };
        key.map(Self::of_p256).ok_or(KeyError::NoP256)
    }

    /// An RSA public key in any of the forms that providers show: PEM (`PUBLIC KEY`, `RSA PUBLIC KEY` or `CERTIFICATE`),
    /// base64 of its `SubjectPublicKeyInfo`, or a JSON Web Key. Without the feature `public-key` there is none. A key of
    /// less than 2048 bits verifies nothing.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn rsa(text: &str) -> Result<Self, KeyError> {
        let text = public_text(text)?;
        if text.starts_with('{') {
            return jwk(text).filter(|key| matches!(key.kind(), Kind::Rsa(_))).ok_or(KeyError::NoRsa);
        }
        let key = match text.starts_with("-----") {
            true => RsaKey::from_pem(text.as_bytes()),
            false => decode_lines(text).and_then(|der| RsaKey::from_spki(&der)),
        };
        key.map(Self::of_rsa).ok_or(KeyError::NoRsa)
    }

    pub(super) fn of_rsa(key: RsaKey) -> Self {
        Self(Arc::new(Kind::Rsa(key)))
    }

    fn of_p256(key: P256Key) -> Self {
        Self(Arc::new(Kind::P256(key)))
    }

    pub(super) fn verifying(bytes: &[u8]) -> Result<Self, KeyError> {
        let wanted = || KeyError::Size { bytes: bytes.len(), wanted: "32" };
        let key = VerifyingKey::from_bytes(bytes.try_into().map_err(|_| wanted())?).map_err(|_| KeyError::Unsound)?;
        if key.is_weak() { Err(KeyError::Unsound) } else { Ok(Self(Arc::new(Kind::Verifying(key)))) }
    }
}

fn public_text(text: &str) -> Result<&str, KeyError> {
    match trimmed(text).trim() {
        "" => Err(KeyError::Empty),
        text if is_quoted(text) => Err(KeyError::Quoted),
        text if text.contains("PRIVATE KEY-----") => Err(KeyError::Kind("a private key: take the public one")),
        text if text.len() > MAX_PUBLIC_BYTES => Err(KeyError::TooLong),
        text => Ok(text),
    }
}

fn jwk(text: &str) -> Option<Key> {
    serde_json::from_str::<Jwk>(text).ok()?.key()
}

/// Base64 of either alphabet, padded or not, over several lines, with or without those of PEM around it.
pub(super) fn decode_lines(text: &str) -> Option<Vec<u8>> {
    let body: String = text.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    BASE64.decode(&body).or_else(|_| BASE64_URL.decode(&body)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    #[test]
    fn an_ed25519_key_is_the_same_in_every_form() {
        let raw = hex::decode(BYTES).unwrap();
        let spki = [ED25519_SPKI_HEAD.as_slice(), &raw].concat();
        let url = BASE64_URL.encode(&raw);
        let forms = [
            BYTES.to_owned(),
            BYTES.to_uppercase(),
            BASE64.encode(&raw),
            format!("{}\n", BASE64.encode(&raw)),
            url.clone(),
            url.trim_end_matches('=').to_owned(),
            BASE64.encode(&spki),
            format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64.encode(&spki)),
            format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, url.trim_end_matches('=')),
        ];
        let wanted = Key::ed25519_hex(BYTES).unwrap().id();
        for form in forms {
            assert_eq!(Key::ed25519(&form).unwrap().id(), wanted, "{form}");
        }
        for wrong in ["", "00", "not a key", r#"{"kty":"EC"}"#, "-----BEGIN PUBLIC KEY-----"] {
            assert!(Key::ed25519(wrong).is_err(), "{wrong}");
            assert!(Key::p256(wrong).is_err(), "{wrong}");
            assert!(Key::rsa(wrong).is_err(), "{wrong}");
        }
    }
}
