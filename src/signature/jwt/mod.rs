//! Requests that are proved by a JSON Web Token.

mod algorithm;
mod check;
pub(crate) mod web_token;

pub(crate) use self::algorithm::JwtAlgorithm;
use super::algorithm::KeyText;
use super::encoding::Encoding;
use super::hash::Hash;
use super::part::Part;
use super::token;

/// A JSON Web Token (RFC 7519) that shows who made a request, and what of the request it covers.
///
/// A token covers nothing but itself. What it covers of a request is what its claims repeat: [`Claim`].
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

/// What a claim of the token must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Where the claim is, as a JSON Pointer into the token's claims: `/payload_hash`.
    pub(crate) at: &'static str,
    /// What it must be equal to, put together from these pieces.
    pub(crate) is: &'static [Part],
    /// Where the claim has their hash and not the pieces themselves: by which hash, and how it is written.
    pub(crate) hash: Option<(Hash, Encoding)>,
    /// Whether it may be absent where there is nothing to cover. A request without a body needs no hash of it.
    pub(crate) absent_if_empty: bool,
}

impl Claim {
    /// A claim that is equal to these pieces of the request.
    #[must_use]
    pub(crate) const fn text(at: &'static str, is: &'static [Part]) -> Self {
        Self { at, is, hash: None, absent_if_empty: false }
    }

    /// A claim that is the hash of these pieces of the request.
    #[must_use]
    pub(crate) const fn hash(at: &'static str, hash: Hash, encoding: Encoding, is: &'static [Part]) -> Self {
        Self { at, is, hash: Some((hash, encoding)), absent_if_empty: false }
    }

    /// It may be absent where the pieces are empty.
    #[must_use]
    pub(crate) const fn absent_if_empty(self) -> Self {
        Self { absent_if_empty: true, ..self }
    }
}

impl Jwt {
    /// A token at the first of these places that has one, signed by one of these algorithms. The secret's text is the key, and
    /// the token must say when it ends.
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

    /// The key is written in another way: [`KeyText::P256`] for ES256, [`KeyText::Rsa`] for RS256 and PS256,
    /// [`KeyText::Ed25519`] for `EdDSA`.
    #[must_use]
    pub(crate) const fn key(self, key: KeyText) -> Self {
        Self { key, ..self }
    }

    /// The keys are those of the JWK Set at this URL, which the receiver fetches; the setting `jwks` may hold them instead.
    #[must_use]
    pub(crate) const fn key_set(self, url: &'static str) -> Self {
        Self { key_set: Some(url), ..self }
    }

    /// The claim `iss` must be one of these.
    #[must_use]
    pub(crate) const fn issuers(self, issuers: &'static [&'static str]) -> Self {
        Self { issuers, ..self }
    }

    /// The claim `aud` must name a value of this setting. Where the setting is optional and not given, it is not looked at.
    #[must_use]
    pub(crate) const fn audience(self, setting: &'static str) -> Self {
        Self { audience: Some(setting), ..self }
    }

    /// Claims that must be equal to something. One that refers to an optional setting is compared where the setting is given.
    #[must_use]
    pub(crate) const fn claims(self, claims: &'static [Claim]) -> Self {
        Self { claims, ..self }
    }

    /// The token need not say when it ends. It is then valid forever, unless it is [`dated`](Self::dated).
    #[must_use]
    pub(crate) const fn endless(self) -> Self {
        Self { ends: false, ..self }
    }

    /// The claim `iat` must be there and within the scheme's tolerance.
    #[must_use]
    pub(crate) const fn dated(self) -> Self {
        Self { dated: true, ..self }
    }

    /// How many seconds the clocks may be apart, for `exp`, `nbf` and `iat`. One minute by default.
    #[must_use]
    pub(crate) const fn leeway_secs(self, leeway_secs: u32) -> Self {
        Self { leeway_secs, ..self }
    }

    /// Whether a claim covers the whole body.
    pub(crate) fn covers_body(&self) -> bool {
        self.claims.iter().any(|claim| claim.is.iter().any(Part::is_body))
    }
}
