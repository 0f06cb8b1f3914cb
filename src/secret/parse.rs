//! Parses keys from the texts that people copy and that stores keep.

use super::error::{KeyError, MIN_TEXT_BYTES, SYMMETRIC_BYTES};
use super::key::{Key, Kind};
use super::p256::P256Key;
use super::rsa::RsaKey;
use super::text::{
    NOT_STANDARD, NOT_TEXT, clean, decode_base64, decode_hex, pem_body, private_pem_body, refuse_foreign,
};

impl Key {
    /// Parses a Standard Webhooks key: `whsec_`, `whsk_`, `whpk_`, or base64 without a prefix, which is a `whsec_` key. White
    /// space around the text and a version before it (`v1,whsec_`) are ignored.
    ///
    /// ```
    /// use hookwire::secret::{Key, KeyError};
    ///
    /// let key = Key::parse(" whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")?;
    /// assert_eq!(&**key.expose(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    /// assert_eq!(Key::parse("").unwrap_err(), KeyError::Empty);
    /// # Ok::<(), KeyError>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`KeyError::Empty`], [`TooLong`](KeyError::TooLong), [`Quoted`](KeyError::Quoted),
    /// [`Placeholder`](KeyError::Placeholder) or [`WrongKind`](KeyError::WrongKind) if the text is not such a secret,
    /// [`Encoding`](KeyError::Encoding) or [`UrlSafe`](KeyError::UrlSafe) if it is not standard base64, and
    /// [`Size`](KeyError::Size) or [`InvalidEd25519`](KeyError::InvalidEd25519) if the decoded key is invalid.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = clean(text)?;
        let text = text.strip_prefix("v1,").filter(|rest| rest.starts_with("whsec_")).unwrap_or(text);
        refuse_foreign(text, NOT_STANDARD)?;
        if let Some(seed_and_public) = text.strip_prefix("whsk_") {
            Self::signing(&decode_base64(seed_and_public)?)
        } else if let Some(public) = text.strip_prefix("whpk_") {
            Self::verifying(&decode_base64(public)?)
        } else {
            let bytes = match text.strip_prefix("whsec_") {
                Some(base64) => decode_base64(base64)?,
                // An underscore belongs to an unknown prefix here, and not to the URL-safe alphabet.
                None if text.contains('_') => return Err(KeyError::Encoding("standard base64")),
                None => decode_base64(text)?,
            };
            if !SYMMETRIC_BYTES.contains(&bytes.len()) {
                return Err(KeyError::Size { bytes: bytes.len(), wanted: "24 to 64" });
            }
            Self::from_bytes(&bytes)
        }
    }

    /// Parses a `whsec_` key of any size from 1 byte. Dangerous: a short key can be guessed. Use it only for senders that do not offer a
    /// longer key.
    ///
    /// ```
    /// use hookwire::secret::Key;
    ///
    /// assert!(Key::parse("whsec_c2VjcmV0").is_err());
    /// assert!(Key::dangerous_parse_any_size("whsec_c2VjcmV0").is_ok());
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`parse`](Self::parse), except [`KeyError::Size`].
    pub fn dangerous_parse_any_size(text: &str) -> Result<Self, KeyError> {
        let text = clean(text)?;
        Self::from_bytes(&decode_base64(text.strip_prefix("whsec_").unwrap_or(text))?)
    }

    /// Creates an HMAC key whose bytes are this text as UTF-8, which Stripe, GitHub, Slack, Shopify and most other providers use. White
    /// space around the text is ignored, because files end with line breaks.
    ///
    /// ```
    /// use hookwire::secret::{Key, KeyError};
    ///
    /// assert!(Key::text("It's a Secret to Everybody\n").is_ok());
    /// assert_eq!(Key::text("'quoted'").unwrap_err(), KeyError::Quoted);
    /// ```
    ///
    /// # Errors
    /// Returns [`KeyError::Empty`], [`TooShort`](KeyError::TooShort), [`TooLong`](KeyError::TooLong),
    /// [`Quoted`](KeyError::Quoted), [`Placeholder`](KeyError::Placeholder) or [`WrongKind`](KeyError::WrongKind) if the text is
    /// not a secret.
    pub fn text(text: &str) -> Result<Self, KeyError> {
        let text = clean(text)?;
        refuse_foreign(text, NOT_TEXT)?;
        if text.len() < MIN_TEXT_BYTES {
            return Err(KeyError::TooShort);
        }
        Self::from_bytes(text.as_bytes())
    }

    /// Creates an HMAC key from base64 (standard alphabet, padded or not).
    ///
    /// ```
    /// use hookwire::secret::Key;
    ///
    /// let key = Key::base64("c2VjcmV0LXNlY3JldA==")?;
    /// assert_eq!(key.id(), Key::text("secret-secret")?.id());
    /// # Ok::<(), hookwire::secret::KeyError>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`KeyError::Encoding`] or [`UrlSafe`](KeyError::UrlSafe) if the text is not standard base64, and otherwise the
    /// errors of [`text`](Self::text).
    pub fn base64(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(&decode_base64(clean(text)?)?)
    }

    /// Creates an HMAC key from hexadecimal digits.
    ///
    /// ```
    /// use hookwire::secret::Key;
    ///
    /// assert_eq!(Key::hex("73656372657421")?.id(), Key::text("secret!")?.id());
    /// # Ok::<(), hookwire::secret::KeyError>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`KeyError::Encoding`] if the text is not hexadecimal, and otherwise the errors of [`text`](Self::text).
    pub fn hex(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(&decode_hex(clean(text)?)?)
    }

    /// Parses an Ed25519 private key: base64 of its PKCS#8 in DER (RFC 8410, without attributes), with or without the lines of PEM around
    /// it.
    ///
    /// ```
    /// use hookwire::secret::Key;
    ///
    /// let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----";
    /// assert!(Key::ed25519_pkcs8(pem)?.can_sign());
    /// # Ok::<(), hookwire::secret::KeyError>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`KeyError::Encoding`] if the text is not such a key, and [`KeyError::Size`] if the key is not 32 bytes long.
    pub fn ed25519_pkcs8(text: &str) -> Result<Self, KeyError> {
        const HEAD: [u8; 16] =
            [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
        let der = private_pem_body(text)?;
        Self::signing_from_seed(der.strip_prefix(&HEAD).ok_or(KeyError::Encoding("an Ed25519 key in DER"))?)
    }

    /// Parses an Ed25519 public key in hexadecimal digits.
    pub(crate) fn ed25519_hex(text: &str) -> Result<Self, KeyError> {
        Self::verifying(&decode_hex(clean(text)?)?)
    }

    /// Parses a P-256 public key: base64 of its `SubjectPublicKeyInfo` in DER (RFC 5480), with or without the lines of PEM around it.
    pub(crate) fn p256_spki(text: &str) -> Result<Self, KeyError> {
        P256Key::from_spki(&pem_body(text)?).map(|key| Self::of(Kind::P256(key))).ok_or(KeyError::NotP256)
    }

    /// Parses a text that [`expose`](Self::expose) returned. It does not check the size, which was checked when the key was created.
    ///
    /// # Errors
    /// Returns [`KeyError::Encoding`] if the text is not base64, and otherwise the errors of [`parse`](Self::parse),
    /// [`p256`](Self::p256) and [`rsa`](Self::rsa).
    pub fn restore(text: &str) -> Result<Self, KeyError> {
        match text.split_once('_') {
            Some(("whsec", base64)) => Self::from_bytes(&decode_base64(base64)?),
            Some(("p256", spki)) => Self::p256_spki(spki),
            Some(("rsa", der)) => {
                let key = RsaKey::from_der(&decode_base64(der)?).ok_or(KeyError::NotRsa)?;
                Ok(Self::of(Kind::Rsa(key)))
            }
            _ => Self::parse(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_key_is_restored_from_its_text() {
        let keys = [
            Key::generate().unwrap(),
            Key::generate_ed25519().unwrap(),
            Key::generate_ed25519().unwrap().public().unwrap(),
            Key::text("It's a Secret to Everybody").unwrap(),
            Key::dangerous_parse_any_size("whsec_c2VjcmV0Cg==").unwrap(),
        ];
        for key in keys {
            assert_eq!(Key::restore(&key.expose()).unwrap().id(), key.id());
        }
    }

    #[test]
    fn r_13_empty_and_placeholder_secrets_are_rejected_by_every_constructor() {
        for text in ["", " ", "\n", "changeme", "UNDEFINED", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
            assert!(Key::text(text).is_err(), "{text:?}");
            assert!(Key::parse(text).is_err(), "{text:?}");
            assert!(Key::dangerous_parse_any_size(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_key_error_does_not_repeat_the_secret() {
        let error = Key::parse("whsec_not*base64").unwrap_err();
        assert!(!error.to_string().contains("not*base64"));
    }
}
