//! Forms of a signature that only providers and descriptions of schemes have.

use super::algorithm::Algorithm;
use super::part::Part;
use super::place::Place;
use super::recipe::{Grammar, Signature, SignatureAt};

impl Signature {
    /// Made in another way.
    pub(crate) const fn algorithm(self, algorithm: Algorithm) -> Self {
        Self { algorithm, ..self }
    }

    /// In any of these headers (lower case), at most 16, of which several may be present; one valid signature is enough (Box,
    /// `DocuSign`).
    pub(crate) const fn any_header(self, names: &'static [&'static str]) -> Self {
        Self { at: SignatureAt::Headers(names), ..self }
    }

    /// Alone in any of these places, of which several may contain one.
    pub(crate) const fn places(self, places: &'static [Place]) -> Self {
        Self { at: SignatureAt::Places(places), ..self }
    }

    /// Behind a prefix that may be absent.
    pub(crate) const fn optional_prefix(self, prefix: &'static str) -> Self {
        Self { grammar: Grammar::Plain { prefix, optional: true }, ..self }
    }

    /// In several groups of `name=value` fields, as while a secret is being replaced (Persona: `t=…,v1=… t=…,v1=…`), with this
    /// character between the groups. The groups must agree about the time.
    pub(crate) const fn groups(self, between: u8, signatures: &'static [&'static str]) -> Self {
        Self { grammar: Grammar::Groups { between, separator: b',', signatures }, ..self }
    }

    /// By the keys of the JWK Set at this URL, which the receiver fetches; the setting `jwks` may hold them instead. All keys
    /// of the set are tried.
    pub(crate) const fn key_set(self, url: &'static str) -> Self {
        Self { key_set: Some(url), ..self }
    }

    /// Where the signature does not fit those pieces, over these: for a provider whose documents and code differ. They must
    /// cover the same things.
    pub(crate) const fn or_signed(self, signed: &'static [Part]) -> Self {
        Self { or_signed: Some(signed), ..self }
    }

    /// Several may stand in the header, in lines of their own or between commas (Mollie, while a secret is being replaced); one good
    /// signature is enough.
    pub(crate) const fn several(self) -> Self {
        Self { several: true, ..self }
    }

    /// Where none of this signature's headers is present, that one counts (Svix under a brand of its own). A mixture of both
    /// never does.
    pub(crate) const fn otherwise(self, other: &'static Self) -> Self {
        Self { otherwise: Some(other), ..self }
    }
}
