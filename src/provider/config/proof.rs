//! The proof of a description: a signature or a JSON Web Token.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::words::{
    ENCODINGS, HASHES, header, headers, kept, kept_all, kept_list, kept_texts, place, template, token, word,
};
use crate::provider::scheme_error::SchemeError;
use crate::signature::{
    Algorithm, Claim, Encoding, Grammar, Hash, Jwt, JwtAlgorithm, KeyText, Signature, SignatureAt, Stamp, Unit,
};

/// The signature of a [`SchemeConfig`](super::SchemeConfig).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignatureConfig {
    /// `hmac-sha256` (or `-md5`, `-sha1`, `-sha384`, `-sha512`), `hmac-named:sha1,sha256` (the hash that the signature's own
    /// prefix names), `digest-sha256` (or the others: a plain hash of a text with the secret in it), `ed25519`, `ecdsa-p256`
    /// (in DER), `ecdsa-p256-raw`, `rsa-sha256` (or `-sha1`, `-sha384`, `-sha512`) or `rsa-pss`.
    pub(super) algorithm: String,
    /// How the secret is written: `text` (the default), `standard`, `standard-or-text`, `base64`, `hex`; a public key:
    /// `ed25519`, `p256` or `rsa`, each in any form (hexadecimal, base64, PEM, JSON Web Key).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) key: String,
    /// What the provider shows before a `standard` key: `v1,`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) key_prefix: String,
    /// The URL of a JWK Set with the provider's keys, in place of a secret. All its keys are tried. The setting `jwks` may hold
    /// the set instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key_set: Option<String>,
    /// `hex`, `hex-upper`, `base64`, `base64-unpadded`, `base64url` or `base64url-padded`.
    pub(super) encoding: String,
    /// The headers that hold it, of which one may be present; or places elsewhere (`json:/signature`), of which several may be taken.
    pub(super) headers: Vec<String>,
    /// Several of the headers may be present at once; one good signature is enough.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) several_headers: bool,
    /// What stands before it: `sha256=`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) prefix: String,
    /// Whether that may be absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) prefix_optional: bool,
    /// How the header is written, where it is more than one signature: `fields` (`t=…,v1=…`; the default where `fields` are
    /// named), `groups` (several of these, as while a secret is replaced), `list` (signatures without names, behind the time
    /// where that is the `first`), or `standard` (`v1,… v1,…`, as Standard Webhooks writes it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) grammar: Option<String>,
    /// The names of the signature among `name=value` fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) fields: Vec<String>,
    /// What stands between fields, or between the elements of a list. Default: a comma.
    #[serde(default = "comma")]
    pub(super) separator: char,
    /// What stands between groups. Default: a space.
    #[serde(default = "space")]
    pub(super) group_separator: char,
    /// Where the signed time stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) time: Option<TimeConfig>,
    /// The header that `{id}` stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id_header: Option<String>,
    /// The template of what is signed. Default: `{body}`.
    #[serde(default = "body")]
    pub(super) signed: String,
    /// The template that is tried where the signature does not fit `signed`, for a provider whose documents and code differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) or_signed: Option<String>,
    /// The percent-escapes that `{url_decoded:setting}` decodes, and what each becomes: `{ "%3A" = ":" }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) url_escapes: BTreeMap<String, String>,
    /// A signature of another length is called wrong and not malformed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) any_length: bool,
    /// The signature that counts where none of these headers is present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) otherwise: Option<Box<Self>>,
}

/// The signed time of a [`SignatureConfig`]: in a header, in a field, first in a list, or at a place of the body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimeConfig {
    /// In this header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) header: Option<String>,
    /// In this field of the signature's header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<String>,
    /// At this place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) place: Option<String>,
    /// It is the first element of the list.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) first: bool,
    /// `seconds` (the default), `float-seconds`, `millis`, `seconds-or-millis`, `micros`, `rfc3339` or `http-date`.
    #[serde(default = "seconds")]
    pub(super) unit: String,
}

/// The JSON Web Token of a [`SchemeConfig`](super::SchemeConfig).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JwtConfig {
    /// Where it is, as in `token` of the scheme: `header:authorization Bearer`.
    pub(super) at: Vec<String>,
    /// `HS256`, `HS384`, `HS512`, `RS256`, `PS256`, `ES256` or `EdDSA`: those that are allowed.
    pub(super) algorithms: Vec<String>,
    /// How the key is written: `text` (the default), `base64`, `hex`, `rsa`, `p256` or `ed25519`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) key: String,
    /// The URL of a JWK Set with the provider's keys, in place of a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key_set: Option<String>,
    /// The claim `iss` must be one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) issuers: Vec<String>,
    /// The setting that the claim `aud` must name a value of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) audience: Option<String>,
    /// What other claims must be equal to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) claims: Vec<ClaimConfig>,
    /// The token need not say when it ends.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) endless: bool,
    /// The claim `iat` must be there and within the scheme's tolerance.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) dated: bool,
    /// How many seconds the clocks may be apart. Default: 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) leeway_secs: Option<u32>,
}

/// A claim of a [`JwtConfig`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClaimConfig {
    /// Where it is, as a JSON Pointer: `/payload_hash`.
    pub(super) at: String,
    /// The template of what it is equal to, or the hash of: `{body}`, `{url:url}`.
    pub(super) is: String,
    /// `md5`, `sha1`, `sha256`, `sha384` or `sha512`, where it is the hash of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hash: Option<String>,
    /// How the hash is written. Default: `hex`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) encoding: Option<String>,
    /// It may be absent where there is nothing to cover.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) absent_if_empty: bool,
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn body() -> String {
    "{body}".into()
}

fn seconds() -> String {
    "seconds".into()
}

const fn comma() -> char {
    ','
}

const fn space() -> char {
    ' '
}

impl SignatureConfig {
    pub(super) fn read(&self) -> Result<Signature, SchemeError> {
        let encoding = word("signature.encoding", &self.encoding, ENCODINGS)?;
        let algorithm = algorithm(&self.algorithm)?;
        let mut signature = Signature::hmac(Hash::Sha256, encoding, &[]).algorithm(algorithm).key(self.key(algorithm)?);
        signature = signature.at(self.at()?).grammar(self.grammar()?);
        if let Some(time) = &self.time {
            signature = signature.stamp(time.read()?);
        }
        if let Some(name) = &self.id_header {
            signature = signature.id_header(header(name));
        }
        if let Some(url) = &self.key_set {
            signature = signature.key_set(kept(url));
        }
        if let Some(other) = &self.otherwise {
            signature = signature.otherwise(Box::leak(Box::new(other.read()?)));
        }
        let escapes: Vec<_> = self.url_escapes.iter().map(|(escape, is)| (kept(escape), kept(is))).collect();
        let escapes = kept_list(escapes);
        signature = signature.signed(template(&self.signed, "signature.signed", escapes)?);
        if let Some(other) = &self.or_signed {
            signature = signature.or_signed(template(other, "signature.or_signed", escapes)?);
        }
        Ok(if self.any_length { signature.any_length() } else { signature })
    }

    fn key(&self, algorithm: Algorithm) -> Result<KeyText, SchemeError> {
        if !self.key_prefix.is_empty() {
            return match self.key.as_str() {
                "standard" => Ok(KeyText::StandardBehind(kept(&self.key_prefix))),
                _ => Err(SchemeError::new("signature.key_prefix", "is for `key = \"standard\"` only")),
            };
        }
        match (self.key.as_str(), algorithm) {
            ("", Algorithm::Ed25519) => Ok(KeyText::Ed25519),
            ("", Algorithm::EcdsaP256 | Algorithm::EcdsaP256Raw) => Ok(KeyText::P256),
            ("", Algorithm::Rsa(_) | Algorithm::RsaPss) => Ok(KeyText::Rsa),
            ("", _) => Ok(KeyText::Text),
            (key, _) => word("signature.key", key, KEYS),
        }
    }

    fn at(&self) -> Result<SignatureAt, SchemeError> {
        match (self.headers.iter().any(|text| text.contains(':')), self.several_headers) {
            (true, _) => kept_all(&self.headers, "signature.headers", place).map(SignatureAt::Places),
            (false, true) => Ok(SignatureAt::Headers(headers(&self.headers))),
            (false, false) => Ok(SignatureAt::Header(headers(&self.headers))),
        }
    }

    fn grammar(&self) -> Result<Grammar, SchemeError> {
        let by_fields = if self.fields.is_empty() { "plain" } else { "fields" };
        let separator = ascii("signature.separator", self.separator)?;
        let signatures = kept_texts(&self.fields);
        let grammar = match self.grammar.as_deref().unwrap_or(by_fields) {
            "plain" => Grammar::Plain { prefix: kept(&self.prefix), optional: self.prefix_optional },
            "fields" => Grammar::Fields { separator, signatures },
            "groups" => {
                let between = ascii("signature.group_separator", self.group_separator)?;
                Grammar::Groups { between, separator, signatures }
            }
            "list" => Grammar::List { separator },
            "standard" => Grammar::Versioned,
            other => {
                let problem = format!("`{other}` is none of plain, fields, groups, list, standard");
                return Err(SchemeError::new("signature.grammar", problem));
            }
        };
        let named = matches!(grammar, Grammar::Fields { .. } | Grammar::Groups { .. });
        if !named && !self.fields.is_empty() {
            return Err(SchemeError::new(
                "signature.fields",
                "are named, and the grammar has none: leave one of the two out",
            ));
        }
        if !self.prefix.is_empty() && !matches!(grammar, Grammar::Plain { .. }) {
            return Err(SchemeError::new(
                "signature.prefix",
                "is for a signature that is alone in its header: leave it out",
            ));
        }
        Ok(grammar)
    }
}

impl TimeConfig {
    fn read(&self) -> Result<Stamp, SchemeError> {
        let unit = word("signature.time.unit", &self.unit, UNITS)?;
        let stamp = match (&self.header, &self.field, &self.place, self.first) {
            (Some(name), None, None, false) => Stamp::header(header(name)),
            (None, Some(name), None, false) => Stamp::field(kept(name)),
            (None, None, Some(text), false) => Stamp::at(place(text, "signature.time.place")?),
            (None, None, None, true) => Stamp::first(),
            _ => return Err(SchemeError::new("signature.time", "must be one of header, field, place and first")),
        };
        Ok(stamp.unit(unit))
    }
}

impl JwtConfig {
    pub(super) fn read(&self) -> Result<Jwt, SchemeError> {
        let at = kept_all(&self.at, "jwt.at", token)?;
        let algorithms = kept_all(&self.algorithms, "jwt.algorithms", |text, field| word(field, text, JWT_ALGORITHMS))?;
        let mut jwt = Jwt::new(at, algorithms).key(self.key(algorithms)?).issuers(kept_texts(&self.issuers));
        if let Some(url) = &self.key_set {
            jwt = jwt.key_set(kept(url));
        }
        if let Some(setting) = &self.audience {
            jwt = jwt.audience(kept(setting));
        }
        if let Some(secs) = self.leeway_secs {
            jwt = jwt.leeway_secs(secs);
        }
        jwt = if self.endless { jwt.endless() } else { jwt };
        jwt = if self.dated { jwt.dated() } else { jwt };
        let claims = self.claims.iter().map(ClaimConfig::read).collect::<Result<Vec<_>, _>>()?;
        Ok(jwt.claims(kept_list(claims)))
    }

    fn key(&self, algorithms: &[JwtAlgorithm]) -> Result<KeyText, SchemeError> {
        Ok(match (self.key.as_str(), algorithms.first()) {
            ("", Some(JwtAlgorithm::Rs256 | JwtAlgorithm::Ps256)) => KeyText::Rsa,
            ("", Some(JwtAlgorithm::Es256)) => KeyText::P256,
            ("", Some(JwtAlgorithm::EdDsa)) => KeyText::Ed25519,
            ("", _) => KeyText::Text,
            (key, _) => word("jwt.key", key, KEYS)?,
        })
    }
}

impl ClaimConfig {
    fn read(&self) -> Result<Claim, SchemeError> {
        let is = template(&self.is, "jwt.claims", &[])?;
        let claim = match (&self.hash, &self.encoding) {
            (None, None) => Claim::text(kept(&self.at), is),
            (None, Some(_)) => return Err(SchemeError::new("jwt.claims", "have an encoding, and no hash: name one")),
            (Some(hash), encoding) => {
                let hash = word("jwt.claims", hash, HASHES)?;
                let encoding = encoding.as_deref().map(|text| word("jwt.claims", text, ENCODINGS));
                Claim::hash(kept(&self.at), hash, encoding.unwrap_or(Ok(Encoding::Hex))?, is)
            }
        };
        Ok(if self.absent_if_empty { claim.absent_if_empty() } else { claim })
    }
}

fn ascii(field: &'static str, separator: char) -> Result<u8, SchemeError> {
    u8::try_from(separator)
        .ok()
        .filter(u8::is_ascii)
        .ok_or_else(|| SchemeError::new(field, format!("`{separator}` must be one ASCII character")))
}

fn algorithm(text: &str) -> Result<Algorithm, SchemeError> {
    const FIELD: &str = "signature.algorithm";
    if let Some(names) = text.strip_prefix("hmac-named:") {
        let hashes = names.split(',').map(|name| word(FIELD, name, HASHES)).collect::<Result<Vec<_>, _>>()?;
        return Ok(Algorithm::HmacNamed(kept_list(hashes)));
    }
    word(FIELD, text, ALGORITHMS)
}

const ALGORITHMS: &[(&str, Algorithm)] = &[
    ("hmac-md5", Algorithm::Hmac(Hash::Md5)),
    ("hmac-sha1", Algorithm::Hmac(Hash::Sha1)),
    ("hmac-sha256", Algorithm::Hmac(Hash::Sha256)),
    ("hmac-sha384", Algorithm::Hmac(Hash::Sha384)),
    ("hmac-sha512", Algorithm::Hmac(Hash::Sha512)),
    ("digest-md5", Algorithm::Digest(Hash::Md5)),
    ("digest-sha1", Algorithm::Digest(Hash::Sha1)),
    ("digest-sha256", Algorithm::Digest(Hash::Sha256)),
    ("digest-sha384", Algorithm::Digest(Hash::Sha384)),
    ("digest-sha512", Algorithm::Digest(Hash::Sha512)),
    ("ed25519", Algorithm::Ed25519),
    ("ecdsa-p256", Algorithm::EcdsaP256),
    ("ecdsa-p256-raw", Algorithm::EcdsaP256Raw),
    ("rsa-sha1", Algorithm::Rsa(Hash::Sha1)),
    ("rsa-sha256", Algorithm::Rsa(Hash::Sha256)),
    ("rsa-sha384", Algorithm::Rsa(Hash::Sha384)),
    ("rsa-sha512", Algorithm::Rsa(Hash::Sha512)),
    ("rsa-pss", Algorithm::RsaPss),
];

const KEYS: &[(&str, KeyText)] = &[
    ("text", KeyText::Text),
    ("standard", KeyText::Standard),
    ("standard-or-text", KeyText::StandardOrText),
    ("base64", KeyText::Base64),
    ("hex", KeyText::Hex),
    ("ed25519", KeyText::Ed25519),
    ("ed25519-hex", KeyText::Ed25519Hex),
    ("p256", KeyText::P256),
    ("p256-spki", KeyText::P256Spki),
    ("rsa", KeyText::Rsa),
];

const UNITS: &[(&str, Unit)] = &[
    ("seconds", Unit::Seconds),
    ("float-seconds", Unit::FloatSeconds),
    ("millis", Unit::Millis),
    ("seconds-or-millis", Unit::SecondsOrMillis),
    ("micros", Unit::Micros),
    ("rfc3339", Unit::Rfc3339),
    ("http-date", Unit::HttpDate),
];

const JWT_ALGORITHMS: &[(&str, JwtAlgorithm)] = &[
    ("HS256", JwtAlgorithm::Hs256),
    ("HS384", JwtAlgorithm::Hs384),
    ("HS512", JwtAlgorithm::Hs512),
    ("RS256", JwtAlgorithm::Rs256),
    ("PS256", JwtAlgorithm::Ps256),
    ("ES256", JwtAlgorithm::Es256),
    ("EdDSA", JwtAlgorithm::EdDsa),
];
