//! Requests that a JSON Web Token proves.

mod algorithm;
mod check;
pub(crate) mod web_token;

pub(crate) use self::algorithm::JwtAlgorithm;
use super::algorithm::KeyText;
use super::encoding::Encoding;
use super::hash::Hash;
use super::part::Part;
use super::token;

/// A JSON Web Token (RFC 7519) that shows who made a request, and which parts of the request it covers.
///
/// A token itself covers only its own claims. It covers a part of a request if a claim repeats this part: [`Claim`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Jwt {
    pub(crate) at: &'static [token::Token],
    pub(crate) algorithms: &'static [JwtAlgorithm],
    pub(crate) key: KeyText,
    pub(crate) key_set: Option<&'static str>,
    pub(crate) issuers: &'static [&'static str],
    pub(crate) audience: Option<&'static str>,
    pub(crate) claims: &'static [Claim],
    pub(crate) ends: bool,
    pub(crate) dated: bool,
    pub(crate) leeway_secs: u32,
}

/// The value that a claim of the token must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Where the claim is, as a JSON Pointer into the token's claims: `/payload_hash`.
    pub(crate) at: &'static str,
    /// The parts that make up the required value.
    pub(crate) is: &'static [Part],
    /// The hash and its encoding, if the claim contains a hash of the parts instead of the parts themselves.
    pub(crate) hash: Option<(Hash, Encoding)>,
    /// Whether the claim may be absent if there is nothing to cover. A request without a body needs no hash of its body.
    pub(crate) absent_if_empty: bool,
}

impl Claim {
    /// A claim that equals these parts of the request.
    #[must_use]
    pub(crate) const fn text(at: &'static str, is: &'static [Part]) -> Self {
        Self { at, is, hash: None, absent_if_empty: false }
    }

    /// A claim that is the hash of these parts of the request.
    #[must_use]
    pub(crate) const fn hash(at: &'static str, hash: Hash, encoding: Encoding, is: &'static [Part]) -> Self {
        Self { at, is, hash: Some((hash, encoding)), absent_if_empty: false }
    }

    /// Allows the claim to be absent if the parts are empty.
    #[must_use]
    pub(crate) const fn absent_if_empty(self) -> Self {
        Self { absent_if_empty: true, ..self }
    }
}

impl Jwt {
    /// A token at the first of these places that has one, signed with one of these algorithms. The secret's text is the key. The
    /// token must contain its end.
    #[must_use]
    pub(crate) const fn new(at: &'static [token::Token], algorithms: &'static [JwtAlgorithm]) -> Self {
        Self {
            at,
            algorithms,
            key: KeyText::Text,
            key_set: None,
            issuers: &[],
            audience: None,
            claims: &[],
            ends: true,
            dated: false,
            leeway_secs: 60,
        }
    }

    /// Sets the form of the key: [`KeyText::P256`] for ES256, [`KeyText::Rsa`] for RS256 and PS256, [`KeyText::Ed25519`] for
    /// `EdDSA`.
    #[must_use]
    pub(crate) const fn key(self, key: KeyText) -> Self {
        Self { key, ..self }
    }

    /// Uses the keys of the JWK Set at this URL, which the receiver fetches. The setting `jwks` may contain the keys instead.
    #[must_use]
    pub(crate) const fn key_set(self, url: &'static str) -> Self {
        Self { key_set: Some(url), ..self }
    }

    /// Requires that the claim `iss` is one of these.
    #[must_use]
    pub(crate) const fn issuers(self, issuers: &'static [&'static str]) -> Self {
        Self { issuers, ..self }
    }

    /// Requires that the claim `aud` names a value of this setting. If the setting is optional and absent, the claim is not
    /// checked.
    #[must_use]
    pub(crate) const fn audience(self, setting: &'static str) -> Self {
        Self { audience: Some(setting), ..self }
    }

    /// Requires that these claims have certain values. A claim that refers to an optional setting is compared only if the setting
    /// is present.
    #[must_use]
    pub(crate) const fn claims(self, claims: &'static [Claim]) -> Self {
        Self { claims, ..self }
    }

    /// Allows a token without an end. Such a token is valid forever, unless it is [`dated`](Self::dated).
    #[must_use]
    pub(crate) const fn endless(self) -> Self {
        Self { ends: false, ..self }
    }

    /// Requires that the claim `iat` is present and within the scheme's tolerance.
    #[must_use]
    pub(crate) const fn dated(self) -> Self {
        Self { dated: true, ..self }
    }

    /// Sets how many seconds the clocks may differ, for `exp`, `nbf` and `iat`. Default: one minute.
    #[must_use]
    pub(crate) const fn leeway_secs(self, leeway_secs: u32) -> Self {
        Self { leeway_secs, ..self }
    }

    /// Whether a claim covers the whole body.
    pub(crate) fn covers_body(&self) -> bool {
        self.claims.iter().any(|claim| claim.is.iter().any(Part::is_body))
    }
}
