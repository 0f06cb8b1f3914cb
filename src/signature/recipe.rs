//! What a signature is made of: by which algorithm, over what, and where it is written.

use super::encoding::Encoding;
use super::hash::Hash;
use super::part::Part;
use super::place::Place;
use super::stamp::Stamp;

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

    /// In fields of these names, between commas.
    #[must_use]
    pub const fn fields(self, signatures: &'static [&'static str]) -> Self {
        Self { grammar: Grammar::Fields { separator: b',', signatures }, ..self }
    }

    /// Over these pieces, in order, instead of the body alone.
    #[must_use]
    pub const fn signed(self, signed: &'static [Part]) -> Self {
        Self { signed, ..self }
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
