//! JSON Web Tokens (RFC 7519) as webhooks use them: one signature, and an algorithm that the scheme has fixed.
//!
//! This is a thin layer over ring and serde. The existing crates depend on an RSA implementation with a known timing weakness
//! (RUSTSEC-2023-0071), or on a provider that is installed for the whole process.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::algorithm::JwtAlgorithm;
use crate::clock::Timestamp;
use crate::secret::{Key, Kind, RsaForm};
use crate::signature::compare::equal;
use crate::signature::error::VerifyError;
use crate::signature::hash::Hash;
use crate::signature::jws::MAX_LONG_BYTES;
use crate::work;

/// Longest token, in bytes.
const MAX_BYTES: usize = 16 * 1024;

/// A token that was parsed and not verified.
pub(crate) struct Token<'t> {
    alg: String,
    pub(crate) kid: Option<String>,
    signed: &'t str,
    signature: Vec<u8>,
    payload: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

/// The claims that are read. A claim that occurs twice makes the token malformed.
#[derive(Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: Option<String>,
    aud: Option<Audience>,
    exp: Option<f64>,
    nbf: Option<f64>,
    iat: Option<f64>,
    pub(crate) email: Option<String>,
    pub(crate) email_verified: Option<bool>,
    pub(crate) appid: Option<String>,
    pub(crate) azp: Option<String>,
    pub(crate) qsh: Option<String>,
    pub(crate) request_body_sha256: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl<'t> Token<'t> {
    pub(crate) fn read(text: &'t str) -> Result<Self, VerifyError> {
        if text.len() > MAX_BYTES { Err(VerifyError::Malformed("token")) } else { Self::read_long(text) }
    }

    /// Reads a signature that contains its whole message, and that is therefore longer than a token.
    pub(crate) fn read_long(text: &'t str) -> Result<Self, VerifyError> {
        let malformed = VerifyError::Malformed("token");
        let (signed, signature) = text.rsplit_once('.').ok_or(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(malformed)?;
        if text.len() > MAX_LONG_BYTES {
            return Err(malformed);
        }
        work::spent(text.len());
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed);
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| malformed)?;
        if header.crit.is_some() {
            return Err(VerifyError::UnsupportedAlgorithm);
        }
        // The signature is decoded whatever `alg` is: a token with `none` is rejected later, so its signature does not matter.
        Ok(Self { alg: header.alg, kid: header.kid, signed, signature: decode(signature)?, payload: decode(claims)? })
    }

    /// Fails if the token names another algorithm.
    pub(crate) fn check_alg(&self, algorithm: JwtAlgorithm) -> Result<(), VerifyError> {
        if self.alg == algorithm.name() { Ok(()) } else { Err(VerifyError::UnsupportedAlgorithm) }
    }

    /// Returns the one of these algorithms that the token names.
    pub(crate) fn algorithm(&self, allowed: &[JwtAlgorithm]) -> Result<JwtAlgorithm, VerifyError> {
        let named = allowed.iter().find(|algorithm| self.alg == algorithm.name());
        named.copied().ok_or(VerifyError::UnsupportedAlgorithm)
    }

    /// Whether the token is signed with this algorithm and this key. The result is `false` for a key of another kind.
    pub(crate) fn is_signed_by(&self, algorithm: JwtAlgorithm, key: &Key) -> bool {
        let (message, signature) = (self.signed.as_bytes(), self.signature.as_slice());
        let hmac = |hash: Hash| {
            let Kind::Hmac(key) = key.kind() else { return false };
            let mut mac = hash.mac(key);
            mac.update(message);
            equal(mac.finish().as_bytes(), signature).into()
        };
        let rsa = |form| matches!(key.kind(), Kind::Rsa(key) if key.verifies(form, message, signature));
        match algorithm {
            JwtAlgorithm::Hs256 => hmac(Hash::Sha256),
            JwtAlgorithm::Hs384 => hmac(Hash::Sha384),
            JwtAlgorithm::Hs512 => hmac(Hash::Sha512),
            JwtAlgorithm::Rs256 => rsa(RsaForm::Pkcs1Sha256),
            JwtAlgorithm::Ps256 => rsa(RsaForm::PssSha256),
            JwtAlgorithm::Es256 => matches!(key.kind(), Kind::P256(key) if key.verifies(message, signature, true)),
            JwtAlgorithm::EdDsa => matches!(key.kind(), Kind::Verifying(key) if key.verifies(message, signature)),
        }
    }

    /// Returns the claims if the token is signed with this algorithm and this key. They are read after the signature was checked.
    pub(crate) fn verify(&self, algorithm: JwtAlgorithm, key: &Key) -> Result<Claims, VerifyError> {
        self.check_alg(algorithm)?;
        if self.is_signed_by(algorithm, key) { self.claims() } else { Err(VerifyError::BadSignature) }
    }

    /// The claims. They are not proven before the signature was checked. Until then they only serve to reject a token before its
    /// key is fetched.
    pub(crate) fn claims(&self) -> Result<Claims, VerifyError> {
        serde_json::from_slice(&self.payload).map_err(|_| VerifyError::Malformed("token"))
    }

    /// The claims as JSON.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }
}

impl Claims {
    /// Whether the token is for one of these audiences.
    pub(crate) fn is_for<'a>(&self, mut audiences: impl Iterator<Item = &'a str>) -> bool {
        audiences.any(|audience| match &self.aud {
            Some(Audience::One(one)) => one == audience,
            Some(Audience::Many(many)) => many.iter().any(|one| one == audience),
            None => false,
        })
    }

    /// Whether the token contains its end.
    pub(crate) const fn ends(&self) -> bool {
        self.exp.is_some()
    }

    /// Whether the token contains the time at which it was made.
    pub(crate) const fn is_dated(&self) -> bool {
        self.iat.is_some()
    }

    /// Fails if the token is not valid now, within this many seconds. A token without an end is not valid.
    pub(crate) fn check_times(&self, now: Timestamp, leeway_secs: f64) -> Result<(), VerifyError> {
        if self.ends() { self.check_known_times(now, leeway_secs, 0.0) } else { Err(VerifyError::Expired) }
    }

    /// The same, but checks only the times that the token contains, and allows this many seconds after its end.
    pub(crate) fn check_known_times(
        &self,
        now: Timestamp,
        leeway_secs: f64,
        late_secs: f64,
    ) -> Result<(), VerifyError> {
        let now = seconds(now);
        let begun = |at: Option<f64>| at.is_none_or(|at| at <= now + leeway_secs);
        let ended = self.exp.is_some_and(|at| at <= now - leeway_secs - late_secs);
        if ended || !begun(self.iat) || !begun(self.nbf) { Err(VerifyError::Expired) } else { Ok(()) }
    }

    /// When the token was made. A token without this time is malformed.
    pub(crate) fn issued_at(&self) -> Result<Timestamp, VerifyError> {
        let at = self.iat.filter(|at| (0.0..1e12).contains(at)).ok_or(VerifyError::Malformed("token"))?;
        #[expect(clippy::cast_possible_truncation, reason = "within the range that was just checked")]
        let secs = at as i64;
        Ok(Timestamp::from_secs(secs))
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact for the next 285 million years")]
const fn seconds(at: Timestamp) -> f64 {
    at.as_secs() as f64
}
