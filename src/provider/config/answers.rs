//! Handshakes, fixed responses and batches of a [`SchemeConfig`](super::SchemeConfig).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::proof::is_default;
use super::words::{header, identity as identified, kept, kept_all, kept_list, kept_texts, pieces, place};
use crate::field::FieldError;
use crate::provider::events::{BatchLayout, IdentityRule};
use crate::provider::handshake::{Condition, Handshake};
use crate::provider::settings::Setting;

/// A handshake of a [`SchemeConfig`](super::SchemeConfig): a request that requires an answer and contains no event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HandshakeConfig {
    /// The conditions that a request must meet, all of them.
    pub(super) when: WhenConfig,
    /// Whether the request is answered only after its signature or token was checked.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) signed: bool,
    /// The request is answered only if this place contains one of the values of this setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) must_match: Option<MatchConfig>,
    /// The status of the answer. Default: 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    /// The status of a rejection. Default: 403.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rejected: Option<u16>,
    /// The content type of the answer. Default: `text/plain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<String>,
    /// The template of the answer's body. A place in braces is replaced by the text there, `{place|json}` by this text as a JSON string,
    /// and `{place|mac-hex}` (or another encoding) by its MAC under the newest key. `{setting:name|hash-lines}` is replaced by the SHA-256
    /// of every value of a setting, one on each line. `{{` and `}}` are braces.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) body: String,
    /// The headers of the answer. Each value is a template.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) headers: BTreeMap<String, String>,
    /// The place of the key that the provider hands over. The request is answered only while the source is being set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) captures: Option<String>,
}

/// The conditions that a request must meet to be a handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhenConfig {
    /// The request has this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) method: Option<String>,
    /// The request has this path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    /// There is a text at each of these places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) has: Vec<String>,
    /// There is no text at any of these places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) lacks: Vec<String>,
    /// There is this text at each of these places.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) is: BTreeMap<String, String>,
}

/// A place, and the setting whose values it may contain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MatchConfig {
    /// The place.
    pub(super) place: String,
    /// The setting.
    pub(super) setting: String,
}

/// A fixed response that a provider requires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswerConfig {
    /// The status.
    pub(super) status: u16,
    /// The body.
    #[serde(default)]
    pub(super) body: String,
}

/// A setting of a [`SchemeConfig`](super::SchemeConfig): the name of a required setting, or a description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum SettingConfig {
    /// The name of a required setting.
    Required(String),
    /// The description of a setting.
    #[serde(rename_all = "snake_case")]
    Described {
        /// The name.
        name: String,
        /// Whether the setting is required.
        #[serde(default)]
        required: bool,
        /// The kind of its values: `text` (the default), `url`, `registered-url` (with the query that was registered) or
        /// `header` (a header's name).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
        /// A short description.
        #[serde(default)]
        about: String,
    },
}

/// How a [`SchemeConfig`](super::SchemeConfig) describes a request with many events: by the pointer to their array, or in detail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum BatchConfig {
    /// The JSON Pointer to the array. `id`, `event_type` and `identity` of the scheme are then relative to an element.
    Pointer(String),
    /// The pointers to the arrays, and the places in an element.
    Steps {
        /// Pointers that are followed one after the other, each from every element of the array before. If a step has several pointers, the
        /// first that leads to an array is used: `[["/entry"], ["/messaging", "/changes"]]`.
        items: Vec<Vec<String>>,
        /// The field of a form-encoded body that contains the JSON, if the body is not JSON.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        field: Option<String>,
        /// The places of the id, relative to an element.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        id: Vec<String>,
        /// The places of the type, relative to an element. If an element has no type, the scheme's own places are used.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        event_type: Vec<String>,
        /// The identity of an event, relative to an element, if it is not the id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        identity: Option<String>,
    },
}

impl HandshakeConfig {
    pub(super) fn read(&self) -> Result<Handshake, FieldError> {
        const FIELD: &str = "handshakes";
        let when = kept_list(self.when.read(FIELD)?);
        let mut handshake = if self.signed { Handshake::signed(when) } else { Handshake::unsigned(when) };
        if let Some(of) = &self.must_match {
            handshake = handshake.must_match(place(&of.place, FIELD)?, kept(&of.setting));
        }
        if let Some(status) = self.status {
            handshake = handshake.status(status);
        }
        if let Some(status) = self.rejected {
            handshake = handshake.rejected(status);
        }
        if !self.body.is_empty() {
            let content_type = kept(self.content_type.as_deref().unwrap_or("text/plain"));
            handshake = handshake.body(content_type, pieces(&self.body, FIELD)?);
        }
        let mut headers = Vec::with_capacity(self.headers.len());
        for (name, template) in &self.headers {
            headers.push((header(name), pieces(template, FIELD)?));
        }
        handshake = handshake.headers(kept_list(headers));
        Ok(match &self.captures {
            Some(key) => handshake.captures(place(key, FIELD)?),
            None => handshake,
        })
    }
}

impl WhenConfig {
    fn read(&self, field: &'static str) -> Result<Vec<Condition>, FieldError> {
        let mut all = Vec::new();
        all.extend(self.method.iter().map(|method| Condition::Method(kept(method))));
        all.extend(self.path.iter().map(|path| Condition::Path(kept(path))));
        for text in &self.has {
            all.push(Condition::Has(place(text, field)?));
        }
        for text in &self.lacks {
            all.push(Condition::Lacks(place(text, field)?));
        }
        for (text, is) in &self.is {
            all.push(Condition::Is(place(text, field)?, kept(is)));
        }
        Ok(all)
    }
}

impl SettingConfig {
    pub(super) fn read(&self) -> Result<Setting, FieldError> {
        let (name, required, kind, about) = match self {
            Self::Required(name) => (name, true, None, "a setting of the scheme"),
            Self::Described { name, required, kind, about } => (name, *required, kind.as_deref(), about.as_str()),
        };
        let (name, about) = (kept(name), kept(about));
        let setting = if required { Setting::required(name, about) } else { Setting::optional(name, about) };
        match kind {
            None | Some("text") => Ok(setting),
            Some("url") => Ok(setting.url()),
            Some("registered-url") => Ok(setting.registered_url()),
            Some("header") => Ok(setting.header()),
            Some(other) => {
                let problem = format!("`{other}` is invalid: write one of text, url, registered-url, header");
                Err(FieldError::new("settings.kind", problem))
            }
        }
    }
}

impl BatchConfig {
    pub(super) fn read(&self) -> Result<BatchLayout, FieldError> {
        match self {
            Self::Pointer(pointer) => {
                let items = kept_list(vec![kept_texts(std::slice::from_ref(pointer))]);
                Ok(BatchLayout { field: None, items, id: &[], event_type: &[], identity: IdentityRule::ById })
            }
            Self::Steps { items, field, id, event_type, identity } => Ok(BatchLayout {
                field: field.as_deref().map(kept),
                items: kept_list(items.iter().map(|step| kept_texts(step)).collect()),
                id: kept_all(id, "batch.id", place)?,
                event_type: kept_all(event_type, "batch.event_type", place)?,
                identity: identified(identity.as_deref(), "batch.identity")?,
            }),
        }
    }
}
