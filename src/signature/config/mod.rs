//! Schemes from configuration: what the builder of [`Scheme`] says in code, in TOML or JSON.

mod answers;
mod proof;
mod words;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};

pub use self::answers::{AnswerConfig, BatchConfig, HandshakeConfig, MatchConfig, SettingConfig, WhenConfig};
use self::proof::is_default;
pub use self::proof::{ClaimConfig, JwtConfig, SignatureConfig, TimeConfig};
use self::words::{header, headers, kept, kept_all, kept_list, kept_texts, place, token};
use super::events::Batch;
use super::scheme::Scheme;
use super::trust::{Setting, SettingKind, Tolerance};

/// A description of a scheme, as it stands in a configuration file.
///
/// Places are written `header:x-name`, `json:/pointer`, `form:field`, `query:name`, `setting:name`, `form_json:field#/pointer`,
/// `header_of:setting` (the header that a setting names), `json_member:a,b` (the name of the first member that is none of these),
/// `claim:/pointer|header:authorization` (in the payload of a JSON Web Token), `named:a=b,c=d|json:/x` (under other names) and
/// joined: `join:.|json:/a|header:x-b`. Within a join, parentheses hold a place together: `join:.|(named:a=b|json:/x)|json:/y`.
///
/// What is signed is a template: `{ts}` is the time, `{id}` the id header (`{plain_id}`: refused where it has a dot), `{body}` the
/// body, `{method}`, `{path}`, `{query}` (raw), `{sorted_query}`, `{sorted_form}`, `{secret}` (for `digest-…`), `{url:setting}`,
/// `{url_decoded:setting}`, and any place in braces. Behind a name there may be `|lower`, `|upper` or a hash and its encoding:
/// `{body|sha256-hex}`. What is in brackets is left out where something in it is not in the request: `[id:{query:id|lower};]`.
/// `{{`, `}}`, `[[` and `]]` are braces and brackets. Header names are of either case.
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
/// assert!(wrong.scheme().unwrap_err().to_string().starts_with("signature.signed: `{tx}` is no part: write ts, id, body"));
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
    /// The signature; one of this, a token and a JSON Web Token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<SignatureConfig>,
    /// Where a shared secret stands, first that has something first: a place, and behind a space what stands before the secret
    /// there: `header:authorization Bearer`, or `Bearer|Basic`, or `Bearer|plain`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token: Vec<String>,
    /// The JSON Web Token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt: Option<JwtConfig>,
    /// Nothing proves its requests. Its events are claims, to be confirmed by asking the provider, and a source of it must be
    /// told to accept them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unproved: bool,
    /// How old a signed time may be, in seconds. Default: 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance_secs: Option<u64>,
    /// How far ahead of our clock it may be, in seconds. Default: as old as it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub future_secs: Option<u64>,
    /// The signed time is not judged. Dangerous: a captured request can be replayed once its dedup record is forgotten.
    #[serde(default, skip_serializing_if = "is_default")]
    pub dangerous_any_time: bool,
    /// Headers that must have these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub require: BTreeMap<String, String>,
    /// Settings that it knows. A name alone is one that it cannot do without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<SettingConfig>,
    /// It is of some use without a secret: handshakes are answered, and nothing else is accepted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub optional_key: bool,
    /// Where the event's id stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub id: Vec<String>,
    /// Whether the signature covers it.
    #[serde(default)]
    pub id_signed: bool,
    /// Without an id it is no event.
    #[serde(default, skip_serializing_if = "is_default")]
    pub id_required: bool,
    /// Where the event's type stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event_type: Vec<String>,
    /// What identifies an event, where that is not its id: a place (`json:/signature/token`), `content` (the signed body and
    /// time), `body` (the body alone; for bodies that differ from event to event), `body_with:` and a place (the body, where something
    /// is found at the place), `request` (the body and which of its events it is) or `never` (every request is handled). Several with
    /// ` else ` between them: the first that finds what it looks for, `id` among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// Where the events of a request are, where it holds many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchConfig>,
    /// Requests that ask for an answer and are no events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handshakes: Vec<HandshakeConfig>,
    /// What is answered where an event was accepted, instead of the handler's own status and no body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<AnswerConfig>,
    /// What is answered where the check failed, instead of 401 and no body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<AnswerConfig>,
    /// The headers of the request that the answer to an accepted event repeats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub echoes: Vec<String>,
    /// The headers that stay with a verified event, signed or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<String>,
    /// The methods, beside POST and PUT, by which events come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event_methods: Vec<String>,
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

    fn read(&self) -> Result<Scheme, SchemeError> {
        let require: Vec<_> = self.require.iter().map(|(name, value)| (header(name), kept(value))).collect();
        let mut scheme = self.proved(Scheme::new(kept(&self.name), kept(&self.docs)))?;
        let settings = self.settings(&scheme)?;
        scheme = scheme
            .tolerance(self.tolerance())
            .require(kept_list(require))
            .settings(settings)
            .keep(headers(&self.keep))
            .event_methods(kept_texts(&self.event_methods));
        let handshakes = self.handshakes.iter().map(HandshakeConfig::read).collect::<Result<Vec<_>, _>>()?;
        scheme = self.answered(scheme.handshakes(kept_list(handshakes)));
        scheme = if self.id_required { scheme.id_required() } else { scheme };
        scheme = if self.optional_key { scheme.optional_key() } else { scheme };
        self.identified(scheme)
    }

    fn proved(&self, scheme: Scheme) -> Result<Scheme, SchemeError> {
        match (&self.signature, &self.jwt, self.token.is_empty(), self.unproved) {
            (Some(signature), None, true, false) => Ok(scheme.signature(signature.read()?)),
            (None, Some(jwt), true, false) => Ok(scheme.jwt(jwt.read()?)),
            (None, None, false, false) => Ok(scheme.token(kept_all(&self.token, "token", token)?)),
            (None, None, true, true) => Ok(scheme),
            (None, None, true, false) => {
                Err(SchemeError::new("signature", "is missing, and so are jwt and token: describe one of them"))
            }
            _ => Err(SchemeError::new(
                "signature",
                "is one of several proofs: leave all but one of signature, jwt and token",
            )),
        }
    }

    const fn tolerance(&self) -> Tolerance {
        let past = match self.tolerance_secs {
            Some(secs) => secs,
            None => 300,
        };
        match self.future_secs {
            _ if self.dangerous_any_time => Tolerance::dangerous_any(),
            Some(future) => Tolerance::secs(past, future),
            None => Tolerance::secs(past, past),
        }
    }

    /// The settings that it knows. One that a signed URL is made of is a URL.
    fn settings(&self, scheme: &Scheme) -> Result<&'static [Setting], SchemeError> {
        let mut settings = self.settings.iter().map(SettingConfig::read).collect::<Result<Vec<_>, _>>()?;
        for setting in &mut settings {
            if Some(setting.name) == scheme.url_setting() && setting.kind == SettingKind::Text {
                *setting = setting.url();
            }
        }
        let fetched = self.signature.as_ref().is_some_and(|it| it.key_set.is_some())
            || self.jwt.as_ref().is_some_and(|it| it.key_set.is_some());
        if fetched && settings.iter().all(|setting| setting.name != "jwks") {
            settings.push(Setting::optional("jwks", "the provider's keys, instead of fetching them"));
        }
        Ok(kept_list(settings))
    }

    fn answered(&self, scheme: Scheme) -> Scheme {
        let scheme = scheme.echoes(headers(&self.echoes));
        let scheme = match &self.accepted {
            Some(answer) => scheme.accepted_by(answer.status, kept(&answer.body)),
            None => scheme,
        };
        match &self.refused {
            Some(answer) => scheme.refused_by(answer.status, kept(&answer.body)),
            None => scheme,
        }
    }

    /// With the places of id and type.
    fn identified(&self, scheme: Scheme) -> Result<Scheme, SchemeError> {
        let id = kept_all(&self.id, "id", place)?;
        let event_type = kept_all(&self.event_type, "event_type", place)?;
        let identity = words::identity(self.identity.as_deref(), "identity")?;
        if let Some(BatchConfig::Pointer(pointer)) = &self.batch {
            let items = kept_list(vec![kept_texts(std::slice::from_ref(pointer))]);
            let scheme = scheme.batch(Batch { field: None, items, id, event_type, identity });
            return Ok(if self.id_signed { scheme.signed_ids() } else { scheme });
        }
        let scheme = if self.id_signed { scheme.signed_id(id) } else { scheme.unsigned_id(id) }.event_type(event_type);
        let scheme = scheme.identified_by(identity);
        match &self.batch {
            Some(batch) => Ok(scheme.batch(batch.read()?)),
            None => Ok(scheme),
        }
    }
}
