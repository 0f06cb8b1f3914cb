//! The algorithms and keys of signatures.

use super::hash::Hash;
use crate::secret::{Key, KeyError};

/// The algorithm of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// HMAC, or Ed25519 if the key is an Ed25519 key and the signature is [versioned](super::Signature::versioned).
    Hmac(Hash),
    /// HMAC with the hash that the signature's own prefix names (`sha256=`). Only these hashes are allowed (WebSub).
    HmacNamed(&'static [Hash]),
    /// The hash of a text that contains the secret ([`Part::Secret`](super::Part::Secret)). It is weaker than an HMAC (HubSpot v1
    /// and v2).
    Digest(Hash),
    /// Ed25519, checked with a public key.
    Ed25519,
    /// ECDSA with P-256 and SHA-256, checked with a public key. The signature is in ASN.1 DER (feature `public-key`).
    EcdsaP256,
    /// ECDSA with P-256 and SHA-256 whose signature is two numbers of 32 bytes (feature `public-key`).
    EcdsaP256Raw,
    /// RSA with PKCS#1 v1.5 padding and this hash, checked with a public key (feature `public-key`). MD5 is not allowed.
    Rsa(Hash),
    /// RSA-PSS with SHA-256, checked with a public key (feature `public-key`).
    RsaPss,
}

impl Algorithm {
    /// Whether a signature is checked with a public key, which cannot sign.
    pub(crate) const fn is_public(self) -> bool {
        match self {
            Self::Hmac(_) | Self::HmacNamed(_) | Self::Digest(_) => false,
            Self::Ed25519 | Self::EcdsaP256 | Self::EcdsaP256Raw | Self::Rsa(_) | Self::RsaPss => true,
        }
    }
}

/// How a secret's text becomes a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyText {
    /// Standard Webhooks: `whsec_`, `whsk_`, `whpk_` and base64.
    Standard,
    /// The same after a prefix of the provider (Supabase: `v1,whsec_`).
    StandardBehind(&'static str),
    /// The same if the text begins with `whsec_`; otherwise the text itself (OpenAI).
    StandardOrText,
    /// The text itself, as UTF-8.
    Text,
    /// The key in base64.
    Base64,
    /// The key in hexadecimal digits.
    Hex,
    /// An Ed25519 public key in hexadecimal digits.
    Ed25519Hex,
    /// A P-256 public key: base64 of its `SubjectPublicKeyInfo` in DER.
    P256Spki,
    /// An Ed25519 public key in any form: hexadecimal, base64, PEM or JSON Web Key.
    Ed25519,
    /// A P-256 public key in any form: PEM, base64 or JSON Web Key.
    P256,
    /// An RSA public key in any form: PEM, base64 or JSON Web Key.
    Rsa,
}

impl KeyText {
    /// Reads a secret that is written in this form.
    pub(crate) fn read(self, secret: &str) -> Result<Key, KeyError> {
        match self {
            Self::Standard => Key::parse(secret),
            Self::StandardBehind(prefix) => Key::parse(secret.strip_prefix(prefix).unwrap_or(secret)),
            Self::StandardOrText if secret.starts_with("whsec_") || secret.starts_with("v1,whsec_") => {
                Key::parse(secret)
            }
            Self::Text | Self::StandardOrText => Key::text(secret),
            Self::Base64 => Key::base64(secret),
            Self::Hex => Key::hex(secret),
            Self::Ed25519Hex => Key::ed25519_hex(secret),
            Self::Ed25519 => Key::ed25519(secret),
            Self::P256Spki => Key::p256_spki(secret),
            Self::P256 => Key::p256(secret),
            Self::Rsa => Key::rsa(secret),
        }
    }
}
