//! Handshakes, fixed answers and batches of a description.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::proof::is_default;
use super::words::{header, identity as identified, kept, kept_all, kept_list, kept_texts, pieces, place};
use crate::provider::events::{BatchLayout, IdentityRule};
use crate::provider::handshake::{Condition, Handshake};
use crate::provider::scheme_error::SchemeError;
use crate::provider::settings::Setting;

/// A request of a [`SchemeConfig`](super::SchemeConfig) that asks for an answer and is no event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HandshakeConfig {
    /// What shows that a request is this handshake: all of it.
    pub(super) when: WhenConfig,
    /// Whether it is answered only after its signature or token was checked.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) signed: bool,
    /// It is answered only where this place has one of the values of this setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) must_match: Option<MatchConfig>,
    /// The status of the answer. Default: 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    /// The status of a refusal. Default: 403.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<u16>,
    /// The content type of the answer. Default: `text/plain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<String>,
    /// The template of the answer's body: a place in braces is what is found there, `{place|json}` the same as a JSON string,
    /// `{place|mac-hex}` (or another encoding) its MAC under the newest key, `{setting:name|hash-lines}` the SHA-256 of every
    /// value of a setting, a line each. `{{` and `}}` are braces.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) body: String,
    /// Headers of the answer, each a template.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) headers: BTreeMap<String, String>,
    /// The place of the key that the provider hands over; answered only while the source is being set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) captures: Option<String>,
}

/// What shows that a request is a handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhenConfig {
    /// It has this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) method: Option<String>,
    /// It has this path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    /// Something is at each of these places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) has: Vec<String>,
    /// Nothing is at any of these places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) lacks: Vec<String>,
    /// This text is at that place.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) is: BTreeMap<String, String>,
}

/// A place and the setting whose values it may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MatchConfig {
    /// The place.
    pub(super) place: String,
    /// The setting.
    pub(super) setting: String,
}

/// An answer that a provider insists on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswerConfig {
    /// The status.
    pub(super) status: u16,
    /// The body.
    #[serde(default)]
    pub(super) body: String,
}

/// A setting of a [`SchemeConfig`](super::SchemeConfig): its name alone, where the scheme cannot do without, or more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum SettingConfig {
    /// The name of a setting that the scheme cannot do without.
    Required(String),
    /// A setting.
    #[serde(rename_all = "snake_case")]
    Described {
        /// Its name.
        name: String,
        /// Whether the scheme cannot do without.
        #[serde(default)]
        required: bool,
        /// What its values look like: `text` (the default), `url`, `registered-url` (with the query that was registered) or
        /// `header` (a header's name).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
        /// What it is.
        #[serde(default)]
        about: String,
    },
}

/// The events of one request of a [`SchemeConfig`](super::SchemeConfig): the pointer of their array alone, or more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum BatchConfig {
    /// Where the array is, as a JSON Pointer; then `id`, `event_type` and `identity` of the scheme are seen from an element.
    Pointer(String),
    /// Where the arrays are, and what is seen from an element.
    Steps {
        /// Pointers that are followed one after the other, each through every element of the one before; of several in one
        /// step, the first that leads to an array counts: `[["/entry"], ["/messaging", "/changes"]]`.
        items: Vec<Vec<String>>,
        /// The field of a form-encoded body that has the JSON, where the body is not that JSON itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        field: Option<String>,
        /// Where the id is, seen from an element.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        id: Vec<String>,
        /// Where the type is, seen from an element; where an element has none, the scheme's own places count.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        event_type: Vec<String>,
        /// What identifies an event, seen from an element, where that is not its id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        identity: Option<String>,
    },
}

impl HandshakeConfig {
    pub(super) fn read(&self) -> Result<Handshake, SchemeError> {
        const FIELD: &str = "handshakes";
        let when = kept_list(self.when.read(FIELD)?);
        let mut handshake = if self.signed { Handshake::signed(when) } else { Handshake::unsigned(when) };
        if let Some(of) = &self.must_match {
            handshake = handshake.must_match(place(&of.place, FIELD)?, kept(&of.setting));
        }
        if let Some(status) = self.status {
            handshake = handshake.status(status);
        }
        if let Some(status) = self.refused {
            handshake = handshake.refused(status);
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
    fn read(&self, field: &'static str) -> Result<Vec<Condition>, SchemeError> {
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
    pub(super) fn read(&self) -> Result<Setting, SchemeError> {
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
                let problem = format!("`{other}` is none of text, url, registered-url, header");
                Err(SchemeError::new("settings.kind", problem))
            }
        }
    }
}

impl BatchConfig {
    pub(super) fn read(&self) -> Result<BatchLayout, SchemeError> {
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
