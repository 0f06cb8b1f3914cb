//! The description of a signature: its algorithm, the signed text, and its place in the request.

use super::algorithm::{Algorithm, KeyText};
use super::encoding::Encoding;
use super::hash::Hash;
use super::part::Part;
use super::place::Place;
use super::stamp::Stamp;
use crate::secret::{Key, KeyError};

/// A signature: the signed text, the algorithm, and the place of the signature in the request.
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

/// The place of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureAt {
    /// One of these headers, named in lower case. There are several if the provider has renamed the header; only one may be present.
    Header(&'static [&'static str]),
    /// Any of these headers, at most 16. Several may be present; one valid signature is enough (Box, `DocuSign`).
    Headers(&'static [&'static str]),
    /// Any of these places, where the signature is alone. Several may contain one.
    Places(&'static [Place]),
}

/// The format of the text that contains a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grammar {
    /// Only the signature, after a literal prefix that may be empty.
    Plain {
        /// The prefix.
        prefix: &'static str,
        /// Whether the prefix may be absent.
        optional: bool,
    },
    /// A field among `name=value` fields; other names are skipped (Stripe).
    Fields {
        /// The separator between fields.
        separator: u8,
        /// The names of the fields with a signature. Each may occur several times.
        signatures: &'static [&'static str],
    },
    /// Several groups of fields, for example while a secret is being replaced (Persona: `t=…,v1=… t=…,v1=…`). All groups must have the same
    /// time.
    Groups {
        /// The separator between groups.
        between: u8,
        /// The separator between the fields of a group.
        separator: u8,
        /// The names of the fields with a signature.
        signatures: &'static [&'static str],
    },
    /// Signatures without names, one after the other. With [`Stamp::first`] they follow the time (Recurly: `time,signature,…`).
    List {
        /// The separator between them.
        separator: u8,
    },
    /// A list of `version,signature`, separated by spaces: `v1` is HMAC, `v1a` is Ed25519 (Standard Webhooks).
    Versioned,
}

impl Signature {
    /// Creates an HMAC of the body that is alone in one of these headers (lower case; several if the provider has renamed the header). The
    /// key is the text of the secret.
    #[must_use]
    pub(crate) const fn hmac(hash: Hash, encoding: Encoding, headers: &'static [&'static str]) -> Self {
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

    /// Sets how the text of the key is read.
    pub(crate) const fn key(self, key: KeyText) -> Self {
        Self { key, ..self }
    }

    /// Sets the place of the signature.
    pub(crate) const fn at(self, at: SignatureAt) -> Self {
        Self { at, ..self }
    }

    /// Sets a prefix before the signature: `sha256=`.
    #[must_use]
    pub(crate) const fn prefix(self, prefix: &'static str) -> Self {
        Self { grammar: Grammar::Plain { prefix, optional: false }, ..self }
    }

    /// Sets the format of the text that contains the signature.
    pub(crate) const fn grammar(self, grammar: Grammar) -> Self {
        Self { grammar, ..self }
    }

    /// Puts the signature into `name=value` fields of these names, separated by commas: `t=1700000000,v1=…`. Set another separator with
    /// [`separator`](Self::separator).
    #[must_use]
    pub(crate) const fn fields(self, signatures: &'static [&'static str]) -> Self {
        Self { grammar: Grammar::Fields { separator: b',', signatures }, ..self }
    }

    /// Sets the separator between the fields, or between the elements of a list, instead of a comma: `;` in `ts=1700000000;h1=…`.
    #[must_use]
    pub(crate) const fn separator(self, separator: u8) -> Self {
        let grammar = match self.grammar {
            Grammar::Fields { signatures, .. } => Grammar::Fields { separator, signatures },
            Grammar::Groups { between, signatures, .. } => Grammar::Groups { between, separator, signatures },
            Grammar::List { .. } => Grammar::List { separator },
            other => other,
        };
        Self { grammar, ..self }
    }

    /// Puts the signature into a list without names, separated by commas.
    #[must_use]
    pub(crate) const fn list(self) -> Self {
        Self { grammar: Grammar::List { separator: b',' }, ..self }
    }

    /// Sets the parts of the signed text, in order, instead of the body alone.
    #[must_use]
    pub(crate) const fn signed(self, signed: &'static [Part]) -> Self {
        Self { signed, ..self }
    }

    /// Sets the place and the format of the signed time.
    #[must_use]
    pub(crate) const fn stamp(self, stamp: Stamp) -> Self {
        Self { stamp, ..self }
    }

    /// Reads a secret as the provider shows it.
    ///
    /// # Errors
    /// Returns [`KeyError`] if the secret is malformed, empty or a placeholder.
    pub fn read_key(&self, secret: &str) -> Result<Key, KeyError> {
        self.key.read(secret)
    }

    /// Sets the header that contains the id ([`Part::Id`]).
    #[must_use]
    pub(crate) const fn id_header(self, name: &'static str) -> Self {
        Self { id_header: Some(name), ..self }
    }

    /// Reports a signature of another length than the algorithm's as wrong instead of malformed, as the provider's own library does. Both
    /// are rejected.
    pub(crate) const fn any_length(self) -> Self {
        Self { any_length: true, ..self }
    }
}
