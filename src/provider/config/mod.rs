//! Schemes from configuration: TOML or JSON that describes what the builder of [`Scheme`] describes in code.

mod answers;
mod proof;
mod words;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};

use self::answers::{AnswerConfig, BatchConfig, HandshakeConfig, SettingConfig};
use self::proof::{JwtConfig, SignatureConfig, is_default};
use self::words::{header, headers, kept, kept_all, kept_list, kept_texts, place, token};
use super::events::BatchLayout;
use super::scheme::Scheme;
use super::settings::{Setting, SettingKind};
use crate::field::FieldError;
use crate::signature::Tolerance;

#[doc = include_str!("reference.md")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemeConfig {
    /// The name.
    pub(crate) name: String,
    /// The page that documents the scheme.
    #[serde(default)]
    docs: String,
    /// The signature. A description has exactly one of signature, token and JSON Web Token, or is unproved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<SignatureConfig>,
    /// The places of a shared secret. The first place that contains a text is used. The prefix of the secret may follow the place, after a
    /// space: `header:authorization Bearer`, or `Bearer|Basic`, or `Bearer|plain`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    token: Vec<String>,
    /// The JSON Web Token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jwt: Option<JwtConfig>,
    /// The requests are not proved. The application must ask the provider to confirm each event, and the source must be set to accept
    /// unproved requests.
    #[serde(default, skip_serializing_if = "is_default")]
    unproved: bool,
    /// How old a signed time may be, in seconds. Default: 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tolerance_secs: Option<u64>,
    /// How far a signed time may be ahead of our clock, in seconds. Default: the same as its maximum age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    future_secs: Option<u64>,
    /// The signed time is not checked. Dangerous: a captured request can be replayed once its dedup record is deleted.
    #[serde(default, skip_serializing_if = "is_default")]
    dangerous_any_time: bool,
    /// Headers that must have these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    require: BTreeMap<String, String>,
    /// The settings of the scheme. A name alone is a required setting.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    settings: Vec<SettingConfig>,
    /// The secret is optional: without it, only handshakes are answered.
    #[serde(default, skip_serializing_if = "is_default")]
    optional_key: bool,
    /// The places of the event's id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    id: Vec<String>,
    /// Whether the signature covers the id.
    #[serde(default)]
    id_signed: bool,
    /// A request without an id is rejected.
    #[serde(default, skip_serializing_if = "is_default")]
    id_required: bool,
    /// The places of the event's type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    event_type: Vec<String>,
    /// The identity of an event, if it is not the id. It is a place (`json:/signature/token`), `content` (the signed body and time) or
    /// `body` (the body alone, if the bodies of all events differ). Or it is `body_with:` and a place (the body, if there is a text at the
    /// place), `request` (the body and the number of the event in it) or `never` (every request is handled). There may be several, `id`
    /// among them, separated by ` else `: the first that exists in the request is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    /// How to find the events if a request contains many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    batch: Option<BatchConfig>,
    /// Requests that require an answer and contain no event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    handshakes: Vec<HandshakeConfig>,
    /// The response to an accepted event, instead of the handler's status and no body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted: Option<AnswerConfig>,
    /// The response to a request that failed the check, instead of 401 and no body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rejected: Option<AnswerConfig>,
    /// The headers of the request that the response to an accepted event repeats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    echoes: Vec<String>,
    /// The headers that a verified event keeps, signed or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    keep: Vec<String>,
    /// The methods of events besides POST and PUT.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    event_methods: Vec<String>,
}

impl SchemeConfig {
    /// Returns the described scheme.
    ///
    /// # Errors
    /// Returns a [`FieldError`] that names the invalid field and the problem.
    pub fn scheme(&self) -> Result<&'static Scheme, FieldError> {
        static KNOWN: OnceLock<Mutex<HashMap<String, &'static Scheme>>> = OnceLock::new();
        let text = serde_json::to_string(self).map_err(|_| FieldError::new("scheme", "cannot be written"))?;
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

    fn read(&self) -> Result<Scheme, FieldError> {
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

    fn proved(&self, scheme: Scheme) -> Result<Scheme, FieldError> {
        match (&self.signature, &self.jwt, self.token.is_empty(), self.unproved) {
            (Some(signature), None, true, false) => Ok(scheme.signature(signature.read()?)),
            (None, Some(jwt), true, false) => Ok(scheme.jwt(jwt.read()?)),
            (None, None, false, false) => Ok(scheme.token(kept_all(&self.token, "token", token)?)),
            (None, None, true, true) => Ok(scheme),
            (None, None, true, false) => {
                Err(FieldError::new("signature", "is missing: describe one of signature, jwt and token"))
            }
            _ => Err(FieldError::new("signature", "is not the only proof: keep only one of signature, jwt and token")),
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

    /// Reads the settings. A setting that is part of a signed URL must be a URL.
    fn settings(&self, scheme: &Scheme) -> Result<&'static [Setting], FieldError> {
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
            Some(answer) => scheme.accepted_response(answer.status, kept(&answer.body)),
            None => scheme,
        };
        match &self.rejected {
            Some(answer) => scheme.rejected_response(answer.status, kept(&answer.body)),
            None => scheme,
        }
    }

    /// Adds the places of id and type.
    fn identified(&self, scheme: Scheme) -> Result<Scheme, FieldError> {
        let id = kept_all(&self.id, "id", place)?;
        let event_type = kept_all(&self.event_type, "event_type", place)?;
        let identity = words::identity(self.identity.as_deref(), "identity")?;
        if let Some(BatchConfig::Pointer(pointer)) = &self.batch {
            let items = kept_list(vec![kept_texts(std::slice::from_ref(pointer))]);
            let scheme = scheme.batch(BatchLayout { field: None, items, id, event_type, identity });
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
