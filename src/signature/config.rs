//! Schemes from configuration: what the builder of [`Scheme`] says in code, in TOML or JSON.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};

use super::encoding::Encoding;
use super::events::Batch;
use super::hash::Hash;
use super::part::Part;
use super::place::Place;
use super::recipe::{Algorithm, Grammar, KeyText, Signature, SignatureAt};
use super::scheme::{Scheme, Token};
use super::stamp::{Stamp, Unit};
use super::trust::{Setting, Tolerance};

/// A description of a scheme, as it stands in a configuration file.
///
/// Places are written `header:x-name`, `json:/pointer`, `form:field`, `query:name`, `setting:name`,
/// `form_json:field#/pointer`, and joined: `join:.|json:/a|header:x-b`. What is signed is a template: `{ts}` is the time, `{id}` the id
/// header, `{body}` the body, `{method}`, `{secret}` (for `digest-…`), `{sorted_form}`, `{url:setting}`, and any place in braces; `{{` and
/// `}}` are braces. Header names are of either case.
///
/// A description is read once, at start: its texts are kept for as long as the program runs, as those of a constant are. Reading the same
/// description again gives the same scheme.
///
/// ```
/// use hookwire::signature::SchemeConfig;
///
/// let acme: SchemeConfig = serde_json::from_str(r#"{
///     "name": "acme",
///     "signature": {
///         "algorithm": "hmac-sha256", "encoding": "hex", "headers": ["Acme-Signature"],
///         "fields": ["v1"], "time": { "field": "t" }, "signed": "{ts}.{body}"
///     },
///     "id": ["json:/id"], "id_signed": true, "event_type": ["json:/type"]
/// }"#)?;
/// assert!(acme.scheme()?.key("a long and random secret").is_ok());
///
/// let wrong: SchemeConfig = serde_json::from_str(r#"{
///     "name": "acme", "signature": { "algorithm": "hmac-sha256", "encoding": "hex", "headers": ["x"], "signed": "{tx}.{body}" }
/// }"#)?;
/// assert_eq!(wrong.scheme().unwrap_err().to_string(), "signature.signed: `{tx}` is no part");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemeConfig {
    /// Its name.
    pub name: String,
    /// Where it is documented.
    #[serde(default)]
    pub docs: String,
    /// The signature; either this or a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<SignatureConfig>,
    /// Where a shared secret stands, first that has something first: a place, with `Bearer ` or `Basic ` behind a space where
    /// that stands before it: `header:authorization Bearer`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token: Vec<String>,
    /// How old a signed time may be, in seconds. Default: 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance_secs: Option<u64>,
    /// How far ahead of our clock it may be, in seconds. Default: as old as it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub future_secs: Option<u64>,
    /// Headers that must have these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub require: BTreeMap<String, String>,
    /// Settings that it cannot do without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<String>,
    /// Where the event's id stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub id: Vec<String>,
    /// Whether the signature covers it.
    #[serde(default)]
    pub id_signed: bool,
    /// Where the event's type stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event_type: Vec<String>,
    /// What a repetition is known by, where that is not the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_by: Option<String>,
    /// Where the array of a request's events stands, as a JSON Pointer; then `id` and `event_type` are seen from an element.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    /// The methods, beside POST and PUT, by which events come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event_methods: Vec<String>,
}

/// The signature of a [`SchemeConfig`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureConfig {
    /// `hmac-sha1`, `hmac-sha256`, `hmac-sha384`, `hmac-sha512`, `digest-sha256`, `ed25519` or `ecdsa-p256`.
    pub algorithm: String,
    /// `text` (the default), `standard`, `base64`, `hex`, `ed25519-hex` or `p256-spki`.
    #[serde(default = "text")]
    pub key: String,
    /// `hex`, `base64` or `base64url`.
    pub encoding: String,
    /// The headers that hold it, of which one may be present; or places elsewhere (`json:/signature`), of which several may be taken.
    pub headers: Vec<String>,
    /// What stands before it: `sha256=`.
    #[serde(default)]
    pub prefix: String,
    /// The names of the signature among `name=value` fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// What stands between these. Default: a comma.
    #[serde(default = "comma")]
    pub separator: char,
    /// Where the signed time stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeConfig>,
    /// The header that `{id}` stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_header: Option<String>,
    /// The template of what is signed. Default: `{body}`.
    #[serde(default = "body")]
    pub signed: String,
}

/// The signed time of a [`SignatureConfig`]: in a header, in a field, or at a place of the body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeConfig {
    /// In this header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// In this field of the signature's header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// At this place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// `seconds` (the default), `millis`, `rfc3339` or `http-date`.
    #[serde(default = "seconds")]
    pub unit: String,
}

fn text() -> String {
    "text".into()
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

/// A description is not one of a scheme: which field, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct SchemeError {
    /// The field, as a path: `signature.signed`.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl SchemeError {
    pub(super) fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self { field, problem: problem.into() }
    }
}

impl SchemeConfig {
    /// The scheme that it describes.
    ///
    /// # Errors
    /// Names the field that is wrong, and says what is wrong with it.
    pub fn scheme(&self) -> Result<&'static Scheme, SchemeError> {
        static KNOWN: OnceLock<Mutex<HashMap<String, &'static Scheme>>> = OnceLock::new();
        let text = serde_json::to_string(self).map_err(|_| SchemeError::new("scheme", "cannot be written"))?;
        let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(scheme) = known.get(&text) {
            return Ok(scheme);
        }
        let scheme = self.read()?;
        scheme.check()?;
        let scheme: &'static Scheme = Box::leak(Box::new(scheme));
        known.insert(text, scheme);
        Ok(scheme)
    }

    /// One that stands for a URL in the template must be one.
    fn setting(&self, name: &str) -> Setting {
        let setting = Setting::required(kept(name), "of the scheme");
        let url = format!("{{url:{name}}}");
        let is_url = self.signature.as_ref().is_some_and(|signature| signature.signed.contains(&url));
        if is_url { setting.url() } else { setting }
    }

    fn read(&self) -> Result<Scheme, SchemeError> {
        let mut scheme = Scheme::new(kept(&self.name), kept(&self.docs));
        scheme = match (&self.signature, self.token.is_empty()) {
            (Some(signature), true) => scheme.signature(signature.read()?),
            (None, false) => scheme.token(kept_all(&self.token, "token", token)?),
            (Some(_), false) => return Err(SchemeError::new("token", "stands beside a signature")),
            (None, true) => return Err(SchemeError::new("signature", "is missing, and so is a token")),
        };
        let past = self.tolerance_secs.unwrap_or(300);
        scheme = scheme.tolerance(Tolerance::secs(past, self.future_secs.unwrap_or(past)));
        let require: Vec<_> = self.require.iter().map(|(name, value)| (header(name), kept(value))).collect();
        scheme = scheme.require(Box::leak(require.into_boxed_slice()));
        let settings: Vec<_> = self.settings.iter().map(|name| self.setting(name)).collect();
        scheme = scheme.settings(Box::leak(settings.into_boxed_slice()));
        let id = kept_all(&self.id, "id", place)?;
        let event_type = kept_all(&self.event_type, "event_type", place)?;
        let known_by = self.known_by.as_deref().map(|text| place(text, "known_by")).transpose()?;
        if let Some(pointer) = &self.batch {
            let step: &'static [&'static str] = Box::leak(Box::new([kept(pointer)]));
            let items: &'static [&'static [&'static str]] = Box::leak(Box::new([step]));
            scheme = scheme.batch(Batch { field: None, items, id, event_type, known_by });
            scheme = if self.id_signed { scheme.signed_ids() } else { scheme };
        } else {
            scheme = if self.id_signed { scheme.signed_id(id) } else { scheme.unsigned_id(id) }.event_type(event_type);
            scheme = known_by.map_or(scheme.clone(), |place| scheme.known_by(place));
        }
        let methods: Vec<_> = self.event_methods.iter().map(|name| kept(name)).collect();
        Ok(scheme.event_methods(Box::leak(methods.into_boxed_slice())))
    }
}

impl SignatureConfig {
    fn read(&self) -> Result<Signature, SchemeError> {
        let encoding = word(
            "signature.encoding",
            &self.encoding,
            &[("hex", Encoding::Hex), ("base64", Encoding::Base64), ("base64url", Encoding::Base64Url)],
        )?;
        let algorithm = word("signature.algorithm", &self.algorithm, ALGORITHMS)?;
        let key = word("signature.key", &self.key, KEYS)?;
        let mut signature = Signature::hmac(Hash::Sha256, encoding, &[]).algorithm(algorithm).key(key);
        signature = signature.at(self.at()?);
        signature = if self.fields.is_empty() {
            signature.prefix(kept(&self.prefix))
        } else {
            let signatures: Vec<_> = self.fields.iter().map(|name| kept(name)).collect();
            let separator = u8::try_from(self.separator)
                .map_err(|_| SchemeError::new("signature.separator", "must be one ASCII character"))?;
            signature.grammar(Grammar::Fields { separator, signatures: Box::leak(signatures.into_boxed_slice()) })
        };
        if let Some(time) = &self.time {
            signature = signature.stamp(time.read()?);
        }
        if let Some(name) = &self.id_header {
            signature = signature.id_header(header(name));
        }
        Ok(signature.signed(Box::leak(template(&self.signed)?.into_boxed_slice())))
    }

    fn at(&self) -> Result<SignatureAt, SchemeError> {
        if self.headers.iter().any(|text| text.contains(':')) {
            return kept_all(&self.headers, "signature.headers", place).map(SignatureAt::Places);
        }
        let names: Vec<_> = self.headers.iter().map(|name| header(name)).collect();
        Ok(SignatureAt::Header(Box::leak(names.into_boxed_slice())))
    }
}

impl TimeConfig {
    fn read(&self) -> Result<Stamp, SchemeError> {
        let units = [
            ("seconds", Unit::Seconds),
            ("millis", Unit::Millis),
            ("rfc3339", Unit::Rfc3339),
            ("http-date", Unit::HttpDate),
        ];
        let unit = word("signature.time.unit", &self.unit, &units)?;
        let stamp = match (&self.header, &self.field, &self.place) {
            (Some(name), None, None) => Stamp::header(header(name)),
            (None, Some(name), None) => Stamp::field(kept(name)),
            (None, None, Some(text)) => Stamp::at(place(text, "signature.time.place")?),
            _ => return Err(SchemeError::new("signature.time", "must be one of header, field and place")),
        };
        Ok(stamp.unit(unit))
    }
}

const ALGORITHMS: &[(&str, Algorithm)] = &[
    ("hmac-sha1", Algorithm::Hmac(Hash::Sha1)),
    ("hmac-sha256", Algorithm::Hmac(Hash::Sha256)),
    ("hmac-sha384", Algorithm::Hmac(Hash::Sha384)),
    ("hmac-sha512", Algorithm::Hmac(Hash::Sha512)),
    ("digest-sha256", Algorithm::Digest(Hash::Sha256)),
    ("ed25519", Algorithm::Ed25519),
    ("ecdsa-p256", Algorithm::EcdsaP256),
];

const KEYS: &[(&str, KeyText)] = &[
    ("text", KeyText::Text),
    ("standard", KeyText::Standard),
    ("base64", KeyText::Base64),
    ("hex", KeyText::Hex),
    ("ed25519-hex", KeyText::Ed25519Hex),
    ("p256-spki", KeyText::P256Spki),
];

fn word<T: Copy>(field: &'static str, text: &str, words: &[(&str, T)]) -> Result<T, SchemeError> {
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let all: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        SchemeError::new(field, format!("`{text}` is none of {}", all.join(", ")))
    })
}

fn kept(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn header(name: &str) -> &'static str {
    kept(&name.to_ascii_lowercase())
}

fn kept_all<T>(
    texts: &[String],
    field: &'static str,
    read: impl Fn(&str, &'static str) -> Result<T, SchemeError>,
) -> Result<&'static [T], SchemeError> {
    let all = texts.iter().map(|text| read(text, field)).collect::<Result<Vec<_>, _>>()?;
    Ok(Box::leak(all.into_boxed_slice()))
}

fn place(text: &str, field: &'static str) -> Result<Place, SchemeError> {
    let wrong = || SchemeError::new(field, format!("`{text}` is no place"));
    let (kind, rest) = text.split_once(':').ok_or_else(wrong)?;
    let pointer = |text: &str| text.is_empty() || text.starts_with('/');
    match kind {
        "header" if !rest.is_empty() => Ok(Place::Header(header(rest))),
        "json" if pointer(rest) => Ok(Place::Json(kept(rest))),
        "form" if !rest.is_empty() => Ok(Place::Form(kept(rest))),
        "query" if !rest.is_empty() => Ok(Place::Query(kept(rest))),
        "setting" if !rest.is_empty() => Ok(Place::Setting(kept(rest))),
        "form_json" => {
            let (name, at) = rest.split_once('#').filter(|(_, at)| pointer(at)).ok_or_else(wrong)?;
            Ok(Place::FormJson { field: kept(name), pointer: kept(at) })
        }
        "join" => {
            let mut parts = rest.split('|');
            let separator = kept(parts.next().ok_or_else(wrong)?);
            let places = parts.map(|part| place(part, field)).collect::<Result<Vec<_>, _>>()?;
            if places.is_empty() {
                return Err(wrong());
            }
            Ok(Place::Join { separator, places: Box::leak(places.into_boxed_slice()) })
        }
        _ => Err(wrong()),
    }
}

fn token(text: &str, field: &'static str) -> Result<Token, SchemeError> {
    match text.split_once(' ') {
        None => Ok(Token::plain(place(text, field)?)),
        Some((at, "Bearer")) => Ok(Token { prefix: "Bearer ", ..Token::plain(place(at, field)?) }),
        Some((at, "Basic")) => Ok(Token { prefix: "Basic ", base64: true, ..Token::plain(place(at, field)?) }),
        Some(_) => Err(SchemeError::new(field, format!("`{text}`: only Bearer and Basic may stand before a token"))),
    }
}

fn template(text: &str) -> Result<Vec<Part>, SchemeError> {
    const FIELD: &str = "signature.signed";
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("{{").or_else(|| rest.strip_prefix("}}")) {
            literal.push(character);
            rest = after;
        } else if let Some(inside) = rest.strip_prefix('{') {
            let (name, after) = inside.split_once('}').ok_or_else(|| SchemeError::new(FIELD, "`{` is not closed"))?;
            if !literal.is_empty() {
                parts.push(Part::Text(kept(&std::mem::take(&mut literal))));
            }
            parts.push(part(name)?);
            rest = after;
        } else {
            literal.push(character);
            rest = rest.get(character.len_utf8()..).unwrap_or_default();
        }
    }
    if !literal.is_empty() {
        parts.push(Part::Text(kept(&literal)));
    }
    Ok(parts)
}

fn part(name: &str) -> Result<Part, SchemeError> {
    match name {
        "ts" => Ok(Part::Timestamp),
        "id" => Ok(Part::Id),
        "body" => Ok(Part::Body),
        "method" => Ok(Part::Method),
        "secret" => Ok(Part::Secret),
        "sorted_form" => Ok(Part::SortedForm),
        _ => match name.strip_prefix("url:") {
            Some(setting) => Ok(Part::Url(kept(setting))),
            None => place(name, "signature.signed")
                .map(Part::At)
                .map_err(|_| SchemeError::new("signature.signed", format!("`{{{name}}}` is no part"))),
        },
    }
}
