//! What a signature is made of: by which algorithm, over what, and where it is written.

use super::algorithm::{Algorithm, KeyText};
use super::encoding::Encoding;
use super::hash::Hash;
use super::part::Part;
use super::place::Place;
use super::stamp::Stamp;
use crate::secret::{Key, KeyError};

/// A signature: what is signed, how, and where the signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    pub(crate) algorithm: Algorithm,
    pub(crate) key: KeyText,
    pub(crate) at: SignatureAt,
    pub(crate) grammar: Grammar,
    pub(crate) encoding: Encoding,
    pub(crate) signed: &'static [Part],
    pub(crate) stamp: Stamp,
    pub(crate) id_header: Option<&'static str>,
    pub(crate) otherwise: Option<&'static Self>,
    pub(crate) any_length: bool,
    pub(crate) several: bool,
    pub(crate) key_set: Option<&'static str>,
    pub(crate) or_signed: Option<&'static [Part]>,
}

/// Where a signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureAt {
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
pub(crate) enum Grammar {
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

    /// What is signed, in order.
    #[must_use]
    pub const fn parts(&self) -> &'static [Part] {
        self.signed
    }

    /// The hash of its HMAC: the strongest if the signature names one. `None` if it is not an HMAC.
    #[must_use]
    pub fn hash(&self) -> Option<Hash> {
        match self.algorithm {
            Algorithm::Hmac(hash) => Some(hash),
            Algorithm::HmacNamed(hashes) => hashes.iter().max_by_key(|hash| hash.bytes()).copied(),
            _ => None,
        }
    }

    /// By a key that is written in another way.
    pub(crate) const fn key(self, key: KeyText) -> Self {
        Self { key, ..self }
    }

    /// In the same form in another place.
    pub(crate) const fn at(self, at: SignatureAt) -> Self {
        Self { at, ..self }
    }

    /// Behind a prefix: `sha256=`.
    #[must_use]
    pub const fn prefix(self, prefix: &'static str) -> Self {
        Self { grammar: Grammar::Plain { prefix, optional: false }, ..self }
    }

    /// In a list of `version,signature` separated by spaces: `v1` by HMAC, `v1a` by Ed25519 (Standard Webhooks).
    #[must_use]
    pub const fn versioned(self) -> Self {
        Self { grammar: Grammar::Versioned, ..self }
    }

    /// Written in this grammar.
    pub(crate) const fn grammar(self, grammar: Grammar) -> Self {
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

    /// Reads a secret as the provider shows it.
    ///
    /// # Errors
    /// Returns [`KeyError`] if the secret is malformed, empty or a placeholder.
    pub fn read_key(&self, secret: &str) -> Result<Key, KeyError> {
        self.key.read(secret)
    }

    /// The header that has the id ([`Part::Id`]).
    #[must_use]
    pub const fn id_header(self, name: &'static str) -> Self {
        Self { id_header: Some(name), ..self }
    }

    /// A signature of another length than the algorithm's is called wrong, as the provider's own library does, and not
    /// malformed. Neither is accepted.
    pub(crate) const fn any_length(self) -> Self {
        Self { any_length: true, ..self }
    }
}
