//! Forms of a signature that only providers and configured schemes use.

use super::algorithm::Algorithm;
use super::part::Part;
use super::place::Place;
use super::recipe::{Grammar, Signature, SignatureAt};

impl Signature {
    /// Sets the algorithm.
    pub(crate) const fn algorithm(self, algorithm: Algorithm) -> Self {
        Self { algorithm, ..self }
    }

    /// Accepts the signature in any of these headers (lower case), at most 16. Several may be present; one valid signature is enough (Box,
    /// `DocuSign`).
    pub(crate) const fn any_header(self, names: &'static [&'static str]) -> Self {
        Self { at: SignatureAt::Headers(names), ..self }
    }

    /// Accepts the signature in any of these places, where it is alone. Several may contain one.
    pub(crate) const fn places(self, places: &'static [Place]) -> Self {
        Self { at: SignatureAt::Places(places), ..self }
    }

    /// Sets a prefix before the signature, which may be absent.
    pub(crate) const fn optional_prefix(self, prefix: &'static str) -> Self {
        Self { grammar: Grammar::Plain { prefix, optional: true }, ..self }
    }

    /// Accepts several groups of `name=value` fields, for example while a secret is being replaced (Persona: `t=…,v1=… t=…,v1=…`).
    /// `between` separates the groups. All groups must have the same time.
    pub(crate) const fn groups(self, between: u8, signatures: &'static [&'static str]) -> Self {
        Self { grammar: Grammar::Groups { between, separator: b',', signatures }, ..self }
    }

    /// Uses the keys of the JWK Set at this URL, which the receiver fetches. The setting `jwks` may contain the set instead. All keys of
    /// the set are tried.
    pub(crate) const fn key_set(self, url: &'static str) -> Self {
        Self { key_set: Some(url), ..self }
    }

    /// Sets a second signed text, which is tried if the signature does not fit the first. It is for a provider whose documentation and code
    /// differ. Both texts must cover the same data.
    pub(crate) const fn or_signed(self, signed: &'static [Part]) -> Self {
        Self { or_signed: Some(signed), ..self }
    }

    /// Accepts several signatures in the header, on separate lines or separated by commas (Mollie, while a secret is being replaced). One
    /// valid signature is enough.
    pub(crate) const fn several(self) -> Self {
        Self { several: true, ..self }
    }

    /// Sets the signature to use if none of this signature's headers is present (Svix under another brand). A mixture of both is never
    /// accepted.
    pub(crate) const fn otherwise(self, other: &'static Self) -> Self {
        Self { otherwise: Some(other), ..self }
    }
}
