//! Public keys in the forms that providers publish: hexadecimal, base64, PEM or JSON Web Key.

use base64::Engine as _;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::error::KeyError;
use super::key::{Key, Kind};
use super::p256::P256Key;
use super::rsa::RsaKey;
use super::text::{BASE64_URL, decode_lines, is_quoted, trimmed};

/// The longest valid text of a public key, in bytes. A certificate with a key of 8192 bits is shorter.
const MAX_PUBLIC_BYTES: usize = 16 * 1024;

/// The bytes before the 32 bytes of an Ed25519 key in its `SubjectPublicKeyInfo` (RFC 8410).
const ED25519_SPKI_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The members of a JSON Web Key (RFC 7517) that are used.
#[derive(Deserialize)]
pub(crate) struct Jwk {
    kty: String,
    pub(crate) kid: Option<String>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    /// When the key was withdrawn (Plaid).
    pub(crate) expired_at: Option<IgnoredAny>,
}

impl Jwk {
    /// Returns the key, or `None` if its kind is unknown or the key is invalid.
    pub(crate) fn key(&self) -> Option<Key> {
        let number = |text: &Option<String>| BASE64_URL.decode(text.as_deref()?).ok();
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => RsaKey::from_numbers(&number(&self.n)?, &number(&self.e)?).map(rsa_key),
            ("EC", Some("P-256")) => {
                let point = [vec![4], number(&self.x)?, number(&self.y)?].concat();
                P256Key::from_point(&point).map(p256_key)
            }
            ("OKP", Some("Ed25519")) => Key::verifying(&number(&self.x)?).ok(),
            _ => None,
        }
    }
}

impl Key {
    /// Parses an Ed25519 public key: 64 hexadecimal digits, base64 or base64url of the 32 bytes or of their `SubjectPublicKeyInfo`, PEM, or
    /// a JSON Web Key.
    ///
    /// ```
    /// use hookwire::secret::Key;
    ///
    /// let hex = Key::ed25519("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")?;
    /// let jwk = Key::ed25519(r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#)?;
    /// assert_eq!(hex.id(), jwk.id());
    /// # Ok::<(), hookwire::secret::KeyError>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`KeyError::NotEd25519`] if the text is in none of these forms, and [`KeyError::InvalidEd25519`] if the key has small
    /// order. Returns [`KeyError::Empty`], [`Quoted`](KeyError::Quoted), [`TooLong`](KeyError::TooLong) or
    /// [`WrongKind`](KeyError::WrongKind) if the text is not a public key.
    pub fn ed25519(text: &str) -> Result<Self, KeyError> {
        let text = public_text(text)?;
        if text.starts_with('{') {
            return jwk(text).filter(|key| matches!(key.kind(), Kind::Verifying(_))).ok_or(KeyError::NotEd25519);
        }
        let bytes = match text.len() {
            64 if text.bytes().all(|byte| byte.is_ascii_hexdigit()) => hex::decode(text).ok(),
            _ => decode_lines(text),
        };
        let bytes = bytes.ok_or(KeyError::NotEd25519)?;
        match bytes.strip_prefix(&ED25519_SPKI_HEAD).unwrap_or(&bytes) {
            key if key.len() == 32 => Self::verifying(key),
            _ => Err(KeyError::NotEd25519),
        }
    }

    /// Parses a P-256 public key for ECDSA: PEM (`PUBLIC KEY` or `CERTIFICATE`), base64 of its `SubjectPublicKeyInfo`, or a JSON Web Key.
    /// This needs the feature `public-key`.
    ///
    /// ```
    /// use hookwire::secret::{Key, KeyError};
    ///
    /// assert_eq!(Key::p256("not a key").unwrap_err(), KeyError::NotP256);
    /// ```
    ///
    /// # Errors
    /// Returns [`KeyError::NotP256`] if the text is in none of these forms or the key is on another curve, and otherwise the errors of
    /// [`ed25519`](Self::ed25519).
    pub fn p256(text: &str) -> Result<Self, KeyError> {
        let text = public_text(text)?;
        if text.starts_with('{') {
            return jwk(text).filter(|key| matches!(key.kind(), Kind::P256(_))).ok_or(KeyError::NotP256);
        }
        let key = match text.starts_with("-----") {
            true => P256Key::from_pem(text.as_bytes()),
            false => decode_lines(text).and_then(|der| P256Key::from_spki(&der)),
        };
        key.map(p256_key).ok_or(KeyError::NotP256)
    }

    /// Parses an RSA public key: PEM (`PUBLIC KEY`, `RSA PUBLIC KEY` or `CERTIFICATE`), base64 of its `SubjectPublicKeyInfo`, or a JSON Web
    /// Key. This needs the feature `public-key`. Every verification with a key of less than 2048 bits fails.
    ///
    /// ```
    /// use hookwire::secret::{Key, KeyError};
    ///
    /// assert_eq!(Key::rsa("not a key").unwrap_err(), KeyError::NotRsa);
    /// ```
    ///
    /// # Errors
    /// Returns [`KeyError::NotRsa`] if the text is in none of these forms, and otherwise the errors of [`ed25519`](Self::ed25519).
    pub fn rsa(text: &str) -> Result<Self, KeyError> {
        let text = public_text(text)?;
        if text.starts_with('{') {
            return jwk(text).filter(|key| matches!(key.kind(), Kind::Rsa(_))).ok_or(KeyError::NotRsa);
        }
        let key = match text.starts_with("-----") {
            true => RsaKey::from_pem(text.as_bytes()),
            false => decode_lines(text).and_then(|der| RsaKey::from_spki(&der)),
        };
        key.map(rsa_key).ok_or(KeyError::NotRsa)
    }
}

fn rsa_key(key: RsaKey) -> Key {
    Key::of(Kind::Rsa(key))
}

fn p256_key(key: P256Key) -> Key {
    Key::of(Kind::P256(key))
}

fn public_text(text: &str) -> Result<&str, KeyError> {
    match trimmed(text).trim() {
        "" => Err(KeyError::Empty),
        text if is_quoted(text) => Err(KeyError::Quoted),
        text if text.contains("PRIVATE KEY-----") => Err(KeyError::WrongKind("a private key: use the public one")),
        text if text.len() > MAX_PUBLIC_BYTES => Err(KeyError::TooLong),
        text => Ok(text),
    }
}

fn jwk(text: &str) -> Option<Key> {
    serde_json::from_str::<Jwk>(text).ok()?.key()
}

#[cfg(test)]
mod tests {
    use super::super::text::BASE64;
    use super::*;

    const BYTES: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    #[test]
    fn every_form_of_an_ed25519_key_is_the_same_key() {
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
