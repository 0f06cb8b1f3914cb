//! The proof in a [`SchemeConfig`](super::SchemeConfig): a signature or a JSON Web Token.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::words::{
    ENCODINGS, HASHES, header, headers, kept, kept_all, kept_list, kept_texts, place, template, token, word,
};
use crate::field::FieldError;
use crate::signature::{
    Algorithm, Claim, Encoding, Grammar, Hash, Jwt, JwtAlgorithm, KeyText, Signature, SignatureAt, Stamp, Unit,
};

/// The signature of a [`SchemeConfig`](super::SchemeConfig).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignatureConfig {
    /// `hmac-sha256` (or `-md5`, `-sha1`, `-sha384`, `-sha512`), `hmac-named:sha1,sha256` (the prefix of the signature names the hash),
    /// `digest-sha256` (or the others: a plain hash of a text that contains the secret), `ed25519`, `ecdsa-p256` (in DER),
    /// `ecdsa-p256-raw`, `rsa-sha256` (or `-sha1`, `-sha384`, `-sha512`) or `rsa-pss`.
    pub(super) algorithm: String,
    /// The form of the secret: `text` (the default), `standard`, `standard-or-text`, `base64` or `hex`. For a public key: `ed25519`, `p256`
    /// or `rsa`, each as hexadecimal digits, base64, PEM or JSON Web Key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) key: String,
    /// The text that the provider shows before a `standard` key: `v1,`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) key_prefix: String,
    /// The URL of a JWK Set with the provider's keys, in place of a secret. All its keys are tried. The setting `jwks` may contain the set
    /// instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key_set: Option<String>,
    /// `hex`, `hex-upper`, `base64`, `base64-unpadded`, `base64url` or `base64url-padded`.
    pub(super) encoding: String,
    /// The headers of the signature, of which only one may be present. Or places elsewhere (`json:/signature`), of which several may
    /// contain one.
    pub(super) headers: Vec<String>,
    /// Several of the headers may be present at once; one valid signature is enough.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) several_headers: bool,
    /// The text before the signature: `sha256=`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) prefix: String,
    /// Whether the prefix may be absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) prefix_optional: bool,
    /// The format of a header that contains more than a single signature. `fields` is `t=…,v1=…` and the default if `fields` are named.
    /// `groups` is several groups of fields, while a secret is replaced. `list` is signatures without names, after the time if the time is
    /// the `first` element. `standard` is `v1,… v1,…`, as in Standard Webhooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) grammar: Option<String>,
    /// The names of the fields with a signature among `name=value` fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) fields: Vec<String>,
    /// The separator between fields, or between the elements of a list. Default: a comma.
    #[serde(default = "comma")]
    pub(super) separator: char,
    /// The separator between groups. Default: a space.
    #[serde(default = "space")]
    pub(super) group_separator: char,
    /// The place and the format of the signed time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) time: Option<TimeConfig>,
    /// The header that replaces `{id}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id_header: Option<String>,
    /// The template of the signed text. Default: `{body}`.
    #[serde(default = "body")]
    pub(super) signed: String,
    /// A second template, which is tried if the signature does not fit `signed`. It is for a provider whose documentation and code differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) or_signed: Option<String>,
    /// The percent-escapes that `{url_decoded:setting}` decodes, with their replacements: `{ "%3A" = ":" }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) url_escapes: BTreeMap<String, String>,
    /// A signature with another length than the algorithm's is reported as wrong instead of malformed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) any_length: bool,
    /// The signature to use if none of these headers is present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) otherwise: Option<Box<Self>>,
}

/// The signed time of a [`SignatureConfig`]: in a header, in a field, as the first element of a list, or at a place of the body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimeConfig {
    /// The header that contains the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) header: Option<String>,
    /// The field of the signature's header that contains the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<String>,
    /// The place that contains the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) place: Option<String>,
    /// The time is the first element of the list.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) first: bool,
    /// The format: `seconds` (the default), `float-seconds`, `millis`, `seconds-or-millis`, `micros`, `rfc3339` or `http-date`.
    #[serde(default = "seconds")]
    pub(super) unit: String,
}

/// The JSON Web Token of a [`SchemeConfig`](super::SchemeConfig).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JwtConfig {
    /// The places of the token, written like `token` of the scheme: `header:authorization Bearer`.
    pub(super) at: Vec<String>,
    /// The allowed algorithms, of `HS256`, `HS384`, `HS512`, `RS256`, `PS256`, `ES256` and `EdDSA`.
    pub(super) algorithms: Vec<String>,
    /// The form of the key: `text` (the default), `base64`, `hex`, `rsa`, `p256` or `ed25519`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) key: String,
    /// The URL of a JWK Set with the provider's keys, in place of a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key_set: Option<String>,
    /// The claim `iss` must be one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) issuers: Vec<String>,
    /// The setting whose values the claim `aud` must name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) audience: Option<String>,
    /// Other claims that must equal a text or its hash.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) claims: Vec<ClaimConfig>,
    /// The token need not contain an expiry time.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) endless: bool,
    /// The claim `iat` is required and must be within the scheme's tolerance.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) dated: bool,
    /// The allowed difference of the clocks, in seconds. Default: 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) leeway_secs: Option<u32>,
}

/// A claim of a [`JwtConfig`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClaimConfig {
    /// The JSON Pointer to the claim: `/payload_hash`.
    pub(super) at: String,
    /// The template of the text that the claim, or its hash, must equal: `{body}`, `{url:url}`.
    pub(super) is: String,
    /// If the claim is the hash of this text: `md5`, `sha1`, `sha256`, `sha384` or `sha512`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hash: Option<String>,
    /// The encoding of the hash. Default: `hex`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) encoding: Option<String>,
    /// The claim may be absent if the text is empty.
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
    pub(super) fn read(&self) -> Result<Signature, FieldError> {
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

    fn key(&self, algorithm: Algorithm) -> Result<KeyText, FieldError> {
        if !self.key_prefix.is_empty() {
            return match self.key.as_str() {
                "standard" => Ok(KeyText::StandardBehind(kept(&self.key_prefix))),
                _ => Err(FieldError::new("signature.key_prefix", "is allowed only with `key = \"standard\"`")),
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

    fn at(&self) -> Result<SignatureAt, FieldError> {
        match (self.headers.iter().any(|text| text.contains(':')), self.several_headers) {
            (true, _) => kept_all(&self.headers, "signature.headers", place).map(SignatureAt::Places),
            (false, true) => Ok(SignatureAt::Headers(headers(&self.headers))),
            (false, false) => Ok(SignatureAt::Header(headers(&self.headers))),
        }
    }

    fn grammar(&self) -> Result<Grammar, FieldError> {
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
                let problem = format!("`{other}` is invalid: write one of plain, fields, groups, list, standard");
                return Err(FieldError::new("signature.grammar", problem));
            }
        };
        let named = matches!(grammar, Grammar::Fields { .. } | Grammar::Groups { .. });
        if !named && !self.fields.is_empty() {
            return Err(FieldError::new(
                "signature.fields",
                "are named, but this grammar has no fields: remove one of the two",
            ));
        }
        if !self.prefix.is_empty() && !matches!(grammar, Grammar::Plain { .. }) {
            return Err(FieldError::new(
                "signature.prefix",
                "is allowed only for a signature that is alone in its header: remove it",
            ));
        }
        Ok(grammar)
    }
}

impl TimeConfig {
    fn read(&self) -> Result<Stamp, FieldError> {
        let unit = word("signature.time.unit", &self.unit, UNITS)?;
        let stamp = match (&self.header, &self.field, &self.place, self.first) {
            (Some(name), None, None, false) => Stamp::header(header(name)),
            (None, Some(name), None, false) => Stamp::field(kept(name)),
            (None, None, Some(text), false) => Stamp::at(place(text, "signature.time.place")?),
            (None, None, None, true) => Stamp::first(),
            _ => {
                return Err(FieldError::new(
                    "signature.time",
                    "must have exactly one of header, field, place and first",
                ));
            }
        };
        Ok(stamp.unit(unit))
    }
}

impl JwtConfig {
    pub(super) fn read(&self) -> Result<Jwt, FieldError> {
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

    fn key(&self, algorithms: &[JwtAlgorithm]) -> Result<KeyText, FieldError> {
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
    fn read(&self) -> Result<Claim, FieldError> {
        let is = template(&self.is, "jwt.claims", &[])?;
        let claim = match (&self.hash, &self.encoding) {
            (None, None) => Claim::text(kept(&self.at), is),
            (None, Some(_)) => return Err(FieldError::new("jwt.claims", "have an encoding but no hash: name a hash")),
            (Some(hash), encoding) => {
                let hash = word("jwt.claims", hash, HASHES)?;
                let encoding = encoding.as_deref().map(|text| word("jwt.claims", text, ENCODINGS));
                Claim::hash(kept(&self.at), hash, encoding.unwrap_or(Ok(Encoding::Hex))?, is)
            }
        };
        Ok(if self.absent_if_empty { claim.absent_if_empty() } else { claim })
    }
}

fn ascii(field: &'static str, separator: char) -> Result<u8, FieldError> {
    u8::try_from(separator)
        .ok()
        .filter(u8::is_ascii)
        .ok_or_else(|| FieldError::new(field, format!("`{separator}` must be one ASCII character")))
}

fn algorithm(text: &str) -> Result<Algorithm, FieldError> {
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
