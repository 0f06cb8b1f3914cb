//! Checking a request against a profile (RFC 9421 section 3.2).

use http::{HeaderMap, HeaderValue};
use sfv::{BareItem, Dictionary, InnerList, ListEntry, Parser};
use subtle::Choice;

use super::super::compare::equal;
use super::super::error::VerifyError;
use super::super::hash::Hash;
use super::super::received::Received;
use super::super::trust::Trust;
use super::super::url::{UrlQuery, urls_of};
use super::base::{base_of, parameters};
use super::base_error::BaseError;
use super::digest::{CONTENT_DIGEST, check_content_digest};
use super::message::Message;
use super::parts::Parts;
use super::profile::Profile;
use crate::clock::Timestamp;
use crate::secret::{Ed25519Public, Key, Kind, RsaForm};
use crate::work;

/// Maximum number of signatures that are read in one message.
const MAX_SIGNATURES: usize = 16;

/// Maximum number of pairs of signature and key that are tried for one message. A short signature causes much work if the key is a
/// public key.
const MAX_TRIES: usize = 64;

/// Maximum length of each of the two headers, in bytes.
const MAX_BYTES: usize = 8 * 1024;

/// Longest nonce and key id, in bytes.
const MAX_TEXT_BYTES: usize = 256;

/// An algorithm of RFC 9421 that is used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// `hmac-sha256`.
    HmacSha256,
    /// `ed25519`.
    Ed25519,
    /// `ecdsa-p256-sha256`.
    EcdsaP256Sha256,
    /// `rsa-v1_5-sha256`.
    RsaV15Sha256,
}

impl Algorithm {
    /// The name of the algorithm in the registry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacSha256 => "hmac-sha256",
            Self::Ed25519 => "ed25519",
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::RsaV15Sha256 => "rsa-v1_5-sha256",
        }
    }

    /// The only algorithm of a key.
    pub(super) fn of(key: &Key) -> Self {
        match key.kind() {
            Kind::Hmac(_) => Self::HmacSha256,
            Kind::Signing(_) | Kind::Verifying(_) => Self::Ed25519,
            Kind::P256(_) => Self::EcdsaP256Sha256,
            Kind::Rsa(_) => Self::RsaV15Sha256,
        }
    }
}

/// One signature of a message, parsed and not verified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Candidate {
    /// The label, which is not signed.
    pub label: String,
    /// The covered components, with the parameters.
    pub input: InnerList,
    signature: Vec<u8>,
}

/// The signatures of a message. A label that is in only one of the two headers is left out.
///
/// # Errors
/// Returns an error if one of the headers is missing or malformed, or if there are too many signatures.
pub fn candidates(headers: &HeaderMap) -> Result<Vec<Candidate>, VerifyError> {
    let mut inputs = dictionary(headers, "signature-input")?;
    let signatures = dictionary(headers, "signature")?;
    if inputs.len() > MAX_SIGNATURES || signatures.len() > MAX_SIGNATURES {
        return Err(VerifyError::Malformed("signature"));
    }
    let mut candidates = Vec::new();
    for (label, entry) in signatures {
        let Some(input) = inputs.swap_remove(&label) else { continue };
        match (entry, input) {
            (ListEntry::Item(item), ListEntry::InnerList(input)) => {
                let signature = item.bare_item.as_byte_sequence().ok_or(VerifyError::Malformed("signature"))?;
                candidates.push(Candidate { label: label.to_string(), input, signature: signature.to_vec() });
            }
            _ => return Err(VerifyError::Malformed("signature")),
        }
    }
    if candidates.is_empty() { Err(VerifyError::Missing("signature")) } else { Ok(candidates) }
}

fn dictionary(headers: &HeaderMap, name: &'static str) -> Result<Dictionary, VerifyError> {
    let lines: Vec<_> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    let text = lines.join(&b", "[..]);
    if lines.is_empty() {
        Err(VerifyError::Missing("signature"))
    } else if text.len() > MAX_BYTES {
        Err(VerifyError::Malformed("signature"))
    } else {
        work::spent(text.len());
        Parser::new(&text).parse().map_err(|_| VerifyError::Malformed("signature"))
    }
}

impl Candidate {
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let text = self.input.params.get(name)?.as_string()?.as_str();
        (text.len() <= MAX_TEXT_BYTES).then_some(text)
    }

    fn time(&self, name: &'static str) -> Result<i64, VerifyError> {
        let value = self.input.params.get(name).ok_or(VerifyError::Missing("timestamp"))?;
        value.as_integer().map(i64::from).ok_or(VerifyError::Malformed("timestamp"))
    }

    pub(crate) fn covers(&self, name: &str) -> bool {
        let plain = |item: &sfv::Item| {
            item.params.is_empty() && item.bare_item.as_string().is_some_and(|it| it.as_str() == name)
        };
        self.input.items.iter().any(plain)
    }

    /// Whether one of the keys made the signature. Each key uses its own algorithm, whatever the message names (section 7.3.6).
    ///
    /// # Errors
    /// Returns an error if no key has the algorithm that the signature names, or if the signature base cannot be made.
    pub fn verify(&self, message: &Message<'_>, keys: &[&Key]) -> Result<bool, VerifyError> {
        self.tried(&mut Parts::of(*message), &self.usable(keys)?).map_err(unreadable)
    }

    /// The keys of the algorithm that the signature names. They are selected before the message is read, because without a key
    /// there is nothing to compute.
    fn usable<'k>(&self, keys: &[&'k Key]) -> Result<Vec<&'k Key>, VerifyError> {
        let named = self.input.params.get("alg").map(BareItem::as_string);
        let agrees = |key: &&Key| match named {
            None => true,
            Some(name) => name.is_some_and(|name| name.as_str() == Algorithm::of(key).name()),
        };
        let usable: Vec<_> = keys.iter().copied().filter(agrees).collect();
        match (keys, &*usable) {
            ([], _) => Err(VerifyError::NoKey),
            (_, []) => Err(VerifyError::UnsupportedAlgorithm),
            _ => Ok(usable),
        }
    }

    /// Tries these keys on the signature base, which is made once for all of them.
    fn tried(&self, parts: &mut Parts<'_>, keys: &[&Key]) -> Result<bool, BaseError> {
        let base = base_of(parts, &self.input)?;
        let tried = keys.iter().fold(Choice::from(0), |any, key| any | verifies(key, base.as_bytes(), &self.signature));
        Ok(tried.into())
    }
}

fn unreadable(_: BaseError) -> VerifyError {
    VerifyError::Malformed("covered component")
}

fn verifies(key: &Key, base: &[u8], presented: &[u8]) -> Choice {
    let ed25519 = |key: &Ed25519Public| {
        work::spent(base.len());
        key.verifies(base, presented)
    };
    Choice::from(u8::from(match key.kind() {
        Kind::Hmac(key) => {
            let mut mac = Hash::Sha256.mac(key);
            mac.update(base);
            return equal(mac.finish().as_bytes(), presented);
        }
        Kind::Verifying(key) => ed25519(key),
        Kind::Signing(key) => ed25519(&key.public()),
        Kind::P256(key) => key.verifies(base, presented, true),
        Kind::Rsa(key) => key.verifies(RsaForm::Pkcs1Sha256, base, presented),
    }))
}

impl Profile {
    /// Checks what the profile requires of one signature, before any key is used. Returns the time at which the signature was made.
    fn check(
        &self,
        candidate: &Candidate,
        received: &Received<'_>,
        trust: &Trust<'_>,
    ) -> Result<Timestamp, VerifyError> {
        for name in self.required {
            if !candidate.covers(name) {
                return Err(VerifyError::NotCovered(name));
            }
        }
        for name in self.where_present {
            if received.headers.contains_key(*name) && !candidate.covers(name) {
                return Err(VerifyError::NotCovered(name));
            }
        }
        let (created, expires) = (candidate.time("created")?, candidate.time("expires")?);
        let now = trust.now.as_secs();
        let life = expires.saturating_sub(created);
        if life <= 0 || life > self.max_secs {
            return Err(VerifyError::Malformed("timestamp"));
        }
        if created > now.saturating_add(self.leeway_secs) || expires < now.saturating_sub(self.leeway_secs) {
            return Err(VerifyError::OutOfTolerance { skew: created.saturating_sub(now) });
        }
        let named = candidate.text("keyid").ok_or(VerifyError::Missing("keyid"))?;
        let allowed = trust.settings.all("keyid");
        if !allowed.is_empty() && !allowed.iter().any(|id| id == named) {
            return Err(VerifyError::UnknownKey);
        }
        candidate.text("nonce").filter(|nonce| nonce.len() >= 16).ok_or(VerifyError::Missing("nonce"))?;
        candidate.text("alg").ok_or(VerifyError::Missing("algorithm"))?;
        Ok(Timestamp::from_secs(created))
    }

    /// The signatures with the tag of the profile.
    fn tagged(&self, headers: &HeaderMap) -> Result<Vec<Candidate>, VerifyError> {
        let mut candidates = candidates(headers)?;
        candidates.retain(|candidate| candidate.text("tag") == Some(self.tag));
        if candidates.is_empty() { Err(VerifyError::Missing("signature")) } else { Ok(candidates) }
    }

    /// The oldest valid signature, wherever it is: labels and their order are not signed, so they must not decide. An invalid
    /// signature next to it does no harm (section 7.2.6). The parts of the message are read once for all of its signatures. At most
    /// [`MAX_TRIES`] pairs of signature and key are tried.
    pub(crate) fn good(
        &self,
        received: &Received<'_>,
        trust: &Trust<'_>,
    ) -> Result<(Candidate, Timestamp), VerifyError> {
        let keys: Vec<_> = trust.keys.live(trust.now).collect();
        if keys.is_empty() {
            return Err(VerifyError::NoKey);
        }
        // Behind a proxy that removes a prefix, the signed path is not the path of the request.
        let urls = urls_of(received, trust, "url", UrlQuery::AsReceived)?;
        let targets: Vec<(&str, http::Uri)> =
            urls.iter().filter_map(|url| Some((origin(url), url.parse().ok()?))).collect();
        let message =
            |(origin, uri)| Message::Request { method: received.method, uri, origin, headers: received.headers };
        let mut readings: Vec<_> =
            targets.iter().map(|(origin, uri)| Parts::of(message((Some(*origin), uri)))).collect();
        let mut tries = MAX_TRIES;
        let mut verdict = VerifyError::BadSignature;
        let mut found: Option<(Candidate, Timestamp)> = None;
        for candidate in self.tagged(received.headers)? {
            let judged = self.check(&candidate, received, trust).and_then(|created| {
                let keys = candidate.usable(&keys)?;
                for parts in &mut readings {
                    tries = tries.checked_sub(keys.len()).ok_or(VerifyError::Malformed("signature"))?;
                    if candidate.tried(parts, &keys).map_err(unreadable)? {
                        return Ok(created);
                    }
                }
                Err(VerifyError::BadSignature)
            });
            match judged {
                Ok(created) => {
                    let rank = |candidate: &Candidate, at: Timestamp| (at, candidate.text("nonce").map(str::to_owned));
                    let is_older = |(other, at): &(Candidate, Timestamp)| rank(&candidate, created) < rank(other, *at);
                    if found.as_ref().is_none_or(is_older) {
                        found = Some((candidate, created));
                    }
                }
                Err(error) => verdict = error,
            }
        }
        found.ok_or(verdict)
    }
}

/// Scheme and authority of a URL.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(host..).and_then(|rest| rest.find(['/', '?'])).map_or(url.len(), |at| host + at);
    url.get(..end).unwrap_or(url)
}

impl Profile {
    /// Checks that one of the live keys signed the request as the profile requires, and returns the time of the signature. The
    /// setting `url` is the receiver's own origin.
    ///
    /// # Errors
    /// Returns [`VerifyError::NotCovered`] if a component that must be covered is not, [`VerifyError::OutOfTolerance`] if the
    /// signature is not valid now, [`VerifyError::BadSignature`] if no key made it, [`VerifyError::BodyMismatch`] if the digest is
    /// not the body's, and [`VerifyError::Missing`], [`VerifyError::Malformed`] or [`VerifyError::MissingSetting`] if a header,
    /// a parameter or the setting is absent or malformed.
    pub fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Timestamp, VerifyError> {
        let (_, created) = self.good(received, trust)?;
        if self.covers_body() {
            check_content_digest(received.headers, received.body)?;
        }
        Ok(created)
    }

    /// True if the digest of the body must be covered.
    pub(crate) const fn covers_body(&self) -> bool {
        let mut rest = self.required;
        while let [name, others @ ..] = rest {
            if is_digest(name) {
                return true;
            }
            rest = others;
        }
        false
    }
}

/// Constants cannot compare texts with `==`.
const fn is_digest(name: &str) -> bool {
    let (mut name, mut wanted) = (name.as_bytes(), CONTENT_DIGEST.as_bytes());
    while let ([one, others @ ..], [other, more @ ..]) = (name, wanted) {
        if *one != *other {
            return false;
        }
        (name, wanted) = (others, more);
    }
    name.is_empty() && wanted.is_empty()
}

/// For the tests of the signature base only.
impl std::fmt::Display for Candidate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.label, parameters(&self.input))
    }
}
