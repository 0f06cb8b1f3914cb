//! JSON Web Tokens (RFC 7519) as webhooks use them: one signature, and an algorithm that the scheme has fixed.
//!
//! A thin core over ring and serde, because the crates there are bring either an RSA implementation with a known timing
//! weakness (RUSTSEC-2023-0071) or a provider that is installed for the whole process.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::rsa::RsaKey;
use crate::clock::Timestamp;
use crate::secret::{HmacKey, P256Key};
use crate::signature::compare::equal;
use crate::signature::{Hash, VerifyError};

/// Longest token, in bytes.
const MAX_BYTES: usize = 16 * 1024;

/// Most keys of a set that are looked at.
const MAX_KEYS: usize = 64;

/// The algorithm of a scheme. The token must name it, and cannot choose another (RFC 8725 section 3.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alg {
    Hs256,
    Rs256,
    Es256,
}

impl Alg {
    const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }
}

/// A token, read and not verified.
pub(crate) struct Token<'t> {
    alg: String,
    pub(crate) kid: Option<String>,
    signed: &'t str,
    signature: Vec<u8>,
    claims: Claims,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

/// The claims that are looked at. One that stands twice makes the token malformed.
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

/// A key of a set.
pub(crate) enum JwtKey<'k> {
    Hmac(&'k HmacKey),
    Rsa(RsaKey),
    P256(P256Key),
}

impl<'t> Token<'t> {
    pub(crate) fn read(text: &'t str) -> Result<Self, VerifyError> {
        let malformed = VerifyError::Malformed("token");
        let (signed, signature) = text.rsplit_once('.').ok_or(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(malformed)?;
        if text.len() > MAX_BYTES {
            return Err(malformed);
        }
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed);
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| malformed)?;
        if header.crit.is_some() {
            return Err(VerifyError::UnsupportedAlgorithm);
        }
        let claims = serde_json::from_slice(&decode(claims)?).map_err(|_| malformed)?;
        // What signature an algorithm without one has is of no interest.
        let signature = decode(signature)?;
        Ok(Self { alg: header.alg, kid: header.kid, signed, signature, claims })
    }

    /// Whether it names this algorithm.
    pub(crate) fn check_alg(&self, alg: Alg) -> Result<(), VerifyError> {
        if self.alg == alg.name() { Ok(()) } else { Err(VerifyError::UnsupportedAlgorithm) }
    }

    /// The claims, if the token is signed by this algorithm with this key.
    pub(crate) fn verify(&self, alg: Alg, key: &JwtKey<'_>) -> Result<&Claims, VerifyError> {
        self.check_alg(alg)?;
        let message = self.signed.as_bytes();
        let good = match (alg, key) {
            (Alg::Hs256, JwtKey::Hmac(key)) => {
                let mut mac = Hash::Sha256.mac(key);
                mac.update(message);
                equal(mac.finish().as_bytes(), &self.signature).into()
            }
            (Alg::Rs256, JwtKey::Rsa(key)) => key.verifies(Hash::Sha256, message, &self.signature),
            (Alg::Es256, JwtKey::P256(key)) => key.verifies(message, &self.signature, true),
            _ => return Err(VerifyError::UnsupportedAlgorithm),
        };
        if good { Ok(&self.claims) } else { Err(VerifyError::BadSignature) }
    }
}

impl Claims {
    /// Whether it is for one of these.
    pub(crate) fn is_for<'a>(&self, mut audiences: impl Iterator<Item = &'a str>) -> bool {
        audiences.any(|audience| match &self.aud {
            Some(Audience::One(one)) => one == audience,
            Some(Audience::Many(many)) => many.iter().any(|one| one == audience),
            None => false,
        })
    }

    /// Whether it is valid now, give or take so many seconds. A token without an end is not.
    pub(crate) fn check_times(&self, now: Timestamp, leeway_secs: f64) -> Result<(), VerifyError> {
        let now = seconds(now);
        let begun = |at: Option<f64>| at.is_none_or(|at| at <= now + leeway_secs);
        let ended = self.exp.is_none_or(|at| at <= now - leeway_secs);
        if ended || !begun(self.iat) || !begun(self.nbf) { Err(VerifyError::Expired) } else { Ok(()) }
    }

    /// When it was made; a token that does not say it is malformed.
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

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    /// Plaid: when it was withdrawn.
    expired_at: Option<IgnoredAny>,
}

/// The key of this id in a JWK Set (RFC 7517), or in a document with one `key`.
pub(crate) fn find(set: &[u8], kid: Option<&str>) -> Result<JwtKey<'static>, VerifyError> {
    #[derive(Deserialize)]
    struct One {
        key: Jwk,
    }
    let keys = match serde_json::from_slice::<KeySet>(set) {
        Ok(set) => set.keys,
        Err(_) => serde_json::from_slice::<One>(set).map(|one| vec![one.key]).map_err(|_| VerifyError::UnknownKey)?,
    };
    let mut known = keys.iter().take(MAX_KEYS).filter(|key| key.kid.as_deref() == kid && kid.is_some());
    let key = known.next().filter(|key| key.expired_at.is_none()).ok_or(VerifyError::UnknownKey)?;
    key.read().ok_or(VerifyError::UnknownKey)
}

impl Jwk {
    fn read(&self) -> Option<JwtKey<'static>> {
        let number = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Some(JwtKey::Rsa(RsaKey::Numbers { n: number(&self.n)?, e: number(&self.e)? })),
            ("EC", Some("P-256")) => {
                let point = [vec![4], number(&self.x)?, number(&self.y)?].concat();
                P256Key::from_point(&point).map(JwtKey::P256)
            }
            _ => None,
        }
    }
}
