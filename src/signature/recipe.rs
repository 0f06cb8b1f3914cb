//! What a signature is made of: by which algorithm, over what, and where it is written.

use super::encoding::Encoding;
use super::hash::Hash;
use super::part::Part;
use super::place::Place;
use super::stamp::Stamp;
use crate::secret::{Key, KeyError};

/// A signature: what is signed, how, and where the signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    pub(super) algorithm: Algorithm,
    pub(super) key: KeyText,
    pub(super) at: SignatureAt,
    pub(super) grammar: Grammar,
    pub(super) encoding: Encoding,
    pub(super) signed: &'static [Part],
    pub(super) stamp: Stamp,
    pub(super) id_header: Option<&'static str>,
    pub(super) otherwise: Option<&'static Self>,
    pub(super) any_length: bool,
    pub(super) several: bool,
    pub(super) key_set: Option<&'static str>,
    pub(super) or_signed: Option<&'static [Part]>,
}

/// By what a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC; and Ed25519 under [`Grammar::Versioned`], if the key is such.
    Hmac(Hash),
    /// HMAC with the hash that the signature's own prefix names (`sha256=`), out of these (WebSub).
    HmacNamed(&'static [Hash]),
    /// The hash of a text with the secret in it ([`Part::Secret`]), which is weaker than an HMAC (HubSpot v1 and v2).
    Digest(Hash),
    /// Ed25519, by a public key.
    Ed25519,
    /// ECDSA with P-256 and SHA-256, the signature in ASN.1 DER, by a public key (feature `public-key`).
    EcdsaP256,
    /// The same, the signature as two numbers of 32 bytes (feature `public-key`).
    EcdsaP256Raw,
    /// RSA with the padding of PKCS#1 v1.5 and this hash, by a public key (feature `public-key`). Not with MD5.
    Rsa(Hash),
    /// RSA-PSS with SHA-256, by a public key (feature `public-key`).
    RsaPss,
}

impl Algorithm {
    /// Whether it is checked by a key that cannot sign.
    pub(super) const fn is_public(self) -> bool {
        match self {
            Self::Hmac(_) | Self::HmacNamed(_) | Self::Digest(_) => false,
            Self::Ed25519 | Self::EcdsaP256 | Self::EcdsaP256Raw | Self::Rsa(_) | Self::RsaPss => true,
        }
    }
}

/// How a secret's text becomes a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyText {
    /// Standard Webhooks: `whsec_`, `whsk_`, `whpk_` and base64.
    Standard,
    /// The same behind a prefix of the provider's (Supabase: `v1,whsec_`).
    StandardBehind(&'static str),
    /// The same where it begins with `whsec_`; the text itself otherwise (OpenAI).
    StandardOrText,
    /// The text itself, as UTF-8.
    Text,
    /// Base64 of the key.
    Base64,
    /// Hexadecimal digits of the key.
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
    /// The algorithm that such a key is for, where it is a public key.
    pub(super) const fn is_public_for(self, algorithm: Algorithm) -> bool {
        match self {
            Self::Ed25519Hex | Self::Ed25519 => matches!(algorithm, Algorithm::Ed25519),
            Self::P256Spki | Self::P256 => matches!(algorithm, Algorithm::EcdsaP256 | Algorithm::EcdsaP256Raw),
            Self::Rsa => matches!(algorithm, Algorithm::Rsa(_) | Algorithm::RsaPss),
            Self::Standard | Self::StandardBehind(_) | Self::StandardOrText | Self::Text | Self::Base64 | Self::Hex => {
                !algorithm.is_public()
            }
        }
    }

    /// Reads a secret that is written so.
    pub(super) fn read(self, secret: &str) -> Result<Key, KeyError> {
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

/// Where a signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureAt {
    /// In one of these headers, named in lower case; several where a provider has renamed it, of which one may be present.
    Header(&'static [&'static str]),
    /// In any of these headers, 16 at most, of which several may be present; one good signature is enough (Box,
    /// `DocuSign`).
    Headers(&'static [&'static str]),
    /// Elsewhere, alone: in any of these places, of which several may be taken.
    Places(&'static [Place]),
}

/// How a signature stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Grammar {
    /// Alone, behind a literal prefix that may be empty.
    Plain {
        /// The prefix.
        prefix: &'static str,
        /// Whether it may be absent.
        optional: bool,
    },
    /// Among `name=value` fields; other names are skipped (Stripe).
    Fields {
        /// What stands between fields.
        separator: u8,
        /// The names of a signature; each may stand several times.
        signatures: &'static [&'static str],
    },
    /// Several groups of fields, as while a secret is being replaced (Persona: `t=…,v1=… t=…,v1=…`). The groups must agree
    /// about the time.
    Groups {
        /// What stands between groups.
        between: u8,
        /// What stands between the fields of a group.
        separator: u8,
        /// The names of a signature.
        signatures: &'static [&'static str],
    },
    /// Signatures without names, one after the other; with [`Stamp::first`], behind the time (Recurly: `time,signature,…`).
    List {
        /// What stands between them.
        separator: u8,
    },
    /// A list of `version,signature` separated by spaces: `v1` by HMAC, `v1a` by Ed25519 (Standard Webhooks).
    Versioned,
}

impl Signature {
    /// An HMAC of the body, by a key that is the secret's text, alone in one of these headers (lower case; several where
    /// the provider has renamed it).
    #[must_use]
    pub const fn hmac(hash: Hash, encoding: Encoding, headers: &'static [&'static str]) -> Self {
        Self {
            algorithm: Algorithm::Hmac(hash),
            key: KeyText::Text,
            at: SignatureAt::Header(headers),
            grammar: Grammar::Plain { prefix: "", optional: false },
            encoding,
            signed: &[Part::Body],
            stamp: Stamp::NONE,
            id_header: None,
            otherwise: None,
            any_length: false,
            several: false,
            key_set: None,
            or_signed: None,
        }
    }

    /// Made in another way.
    #[must_use]
    pub const fn algorithm(self, algorithm: Algorithm) -> Self {
        Self { algorithm, ..self }
    }

    /// What is signed, in order.
    #[must_use]
    pub const fn parts(&self) -> &'static [Part] {
        self.signed
    }

    /// By what it is made.
    #[must_use]
    pub const fn made_by(&self) -> Algorithm {
        self.algorithm
    }

    /// By a key that is written in another way.
    #[must_use]
    pub const fn key(self, key: KeyText) -> Self {
        Self { key, ..self }
    }

    /// Standing elsewhere.
    #[must_use]
    pub const fn at(self, at: SignatureAt) -> Self {
        Self { at, ..self }
    }

    /// Behind a prefix: `sha256=`.
    #[must_use]
    pub const fn prefix(self, prefix: &'static str) -> Self {
        Self { grammar: Grammar::Plain { prefix, optional: false }, ..self }
    }

    /// Among other things.
    #[must_use]
    pub const fn grammar(self, grammar: Grammar) -> Self {
        Self { grammar, ..self }
    }

    /// In `name=value` fields of these names, with commas between the fields: `t=1700000000,v1=…`. Where something else is
    /// between them, say so by [`separator`](Self::separator).
    #[must_use]
    pub const fn fields(self, signatures: &'static [&'static str]) -> Self {
        Self { grammar: Grammar::Fields { separator: b',', signatures }, ..self }
    }

    /// What stands between the fields, or the elements of a list, instead of a comma: `;` in `ts=1700000000;h1=…`.
    #[must_use]
    pub const fn separator(self, separator: u8) -> Self {
        let grammar = match self.grammar {
            Grammar::Fields { signatures, .. } => Grammar::Fields { separator, signatures },
            Grammar::Groups { between, signatures, .. } => Grammar::Groups { between, separator, signatures },
            Grammar::List { .. } => Grammar::List { separator },
            other => other,
        };
        Self { grammar, ..self }
    }

    /// In a list without names, with commas between its elements.
    #[must_use]
    pub const fn list(self) -> Self {
        Self { grammar: Grammar::List { separator: b',' }, ..self }
    }

    /// By the keys of the JWK Set at this URL, which the receiver fetches; the setting `jwks` may hold them instead. All keys
    /// of the set are tried.
    #[must_use]
    pub const fn key_set(self, url: &'static str) -> Self {
        Self { key_set: Some(url), ..self }
    }

    /// Over these pieces, in order, instead of the body alone.
    #[must_use]
    pub const fn signed(self, signed: &'static [Part]) -> Self {
        Self { signed, ..self }
    }

    /// Where the signature does not fit those pieces, over these: for a provider whose documents and code differ. They must
    /// cover the same things.
    #[must_use]
    pub const fn or_signed(self, signed: &'static [Part]) -> Self {
        Self { or_signed: Some(signed), ..self }
    }

    /// With a time.
    #[must_use]
    pub const fn stamp(self, stamp: Stamp) -> Self {
        Self { stamp, ..self }
    }

    /// A signature of another length than the algorithm's is called wrong, as the provider's own library does, and not
    /// malformed. Neither is accepted.
    #[must_use]
    pub const fn any_length(self) -> Self {
        Self { any_length: true, ..self }
    }

    /// Several may stand in the header, in lines of their own or between commas (Mollie, while a secret is being replaced); one good
    /// signature is enough.
    #[must_use]
    pub const fn several(self) -> Self {
        Self { several: true, ..self }
    }

    /// Where none of this signature's headers is present, that one counts (Svix under a brand of its own). A mixture of both
    /// never does.
    #[must_use]
    pub const fn otherwise(self, other: &'static Self) -> Self {
        Self { otherwise: Some(other), ..self }
    }

    /// The header that [`Part::Id`] stands for.
    #[must_use]
    pub const fn id_header(self, name: &'static str) -> Self {
        Self { id_header: Some(name), ..self }
    }
}
