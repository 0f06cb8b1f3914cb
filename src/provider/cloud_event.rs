//! `CloudEvents` 1.0 over HTTP: binary, structured and batched.
//!
//! Source: <https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/http-protocol-binding.md>
//!
//! ```
//! use bytes::Bytes;
//! use hookwire::provider::cloud_event::CloudEvent;
//! use http::{HeaderMap, HeaderValue};
//!
//! let mut headers = HeaderMap::new();
//! for (name, value) in [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/here"), ("ce-type", "order.made")] {
//!     headers.insert(name, HeaderValue::from_static(value));
//! }
//! let events = CloudEvent::read(&headers, &Bytes::from_static(b"{}"))?;
//! assert_eq!(events[0].event_type, "order.made");
//! # Ok::<(), hookwire::signature::VerifyError>(())
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::events::MAX_EVENTS;
use crate::percent;
use crate::signature::VerifyError;

/// Longest attribute, in bytes.
const MAX_ATTRIBUTE_BYTES: usize = 8 * 1024;

/// Maximum number of attributes in addition to the known ones.
const MAX_EXTENSIONS: usize = 64;

/// An event as the specification defines it. `Debug` prints no data.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloudEvent {
    /// The id, unique within its source: only source and id together identify the event.
    pub id: String,
    /// The source of the event: a URI reference.
    pub source: String,
    /// The type of the event.
    pub event_type: String,
    /// The subject of the event within the source.
    pub subject: Option<String>,
    /// When it happened (RFC 3339).
    pub time: Option<String>,
    /// The content type of the data. If a structured event does not name one, the data is JSON.
    pub data_content_type: Option<String>,
    /// The schema of the data: a URI.
    pub data_schema: Option<String>,
    /// All other attributes, as text.
    pub extensions: BTreeMap<String, String>,
    /// The data. For a binary event it is the bytes of the body. For a structured event it is the JSON as written, the text if its
    /// content type is not JSON, or the decoded `data_base64`.
    pub data: Option<Bytes>,
}

impl std::fmt::Debug for CloudEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = self.data.as_ref().map_or(0, Bytes::len);
        write!(f, "CloudEvent({:?} of {:?}, {}, {bytes} bytes)", self.id, self.source, self.event_type)
    }
}

/// The attributes and members of the specification, as errors name them. An error repeats no text of the sender, so the others have one
/// name.
const NAMES: [(&str, &str); 9] = [
    ("specversion", "CloudEvents specversion"),
    ("id", "CloudEvents id"),
    ("source", "CloudEvents source"),
    ("type", "CloudEvents type"),
    ("subject", "CloudEvents subject"),
    ("time", "CloudEvents time"),
    ("datacontenttype", "CloudEvents datacontenttype"),
    ("dataschema", "CloudEvents dataschema"),
    ("data_base64", "CloudEvents data_base64"),
];

fn shown(name: &str) -> &'static str {
    NAMES.iter().find(|(known, _)| *known == name).map_or("CloudEvents extension", |(_, shown)| shown)
}

/// The body is not the JSON that its content type announces.
const NO_EVENT: VerifyError = VerifyError::Malformed("CloudEvents body");

/// How a message carries its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Attributes in headers, data in the body.
    Binary,
    /// One event, all of it in the body.
    Structured,
    /// Many structured events.
    Batch,
}

impl Mode {
    /// The mode that these headers name; `None` if they name no event. Fails with [`VerifyError::UnsupportedFormat`] if the format is unknown.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, VerifyError> {
        let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match &*essence {
            "application/cloudevents+json" => Ok(Some(Self::Structured)),
            "application/cloudevents-batch+json" => Ok(Some(Self::Batch)),
            other if other.starts_with("application/cloudevents") => Err(VerifyError::UnsupportedFormat),
            _ => {
                let required = ["ce-id", "ce-source", "ce-type", "ce-specversion"];
                Ok(required.iter().all(|name| headers.contains_key(*name)).then_some(Self::Binary))
            }
        }
    }
}

impl CloudEvent {
    /// Reads the events of a message: one, or those of a batch.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use hookwire::provider::cloud_event::CloudEvent;
    /// use hookwire::signature::VerifyError;
    /// use http::header::CONTENT_TYPE;
    /// use http::{HeaderMap, HeaderValue, StatusCode};
    ///
    /// let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/cloudevents+avro"))]);
    /// let status = match CloudEvent::read(&headers, &Bytes::new()) {
    ///     Ok(_) => StatusCode::ACCEPTED,
    ///     Err(VerifyError::UnsupportedFormat) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
    ///     Err(VerifyError::TooManyEvents(_)) => StatusCode::PAYLOAD_TOO_LARGE,
    ///     Err(_) => StatusCode::BAD_REQUEST,
    /// };
    /// assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    /// ```
    ///
    /// # Errors
    /// Returns [`VerifyError::UnsupportedFormat`] if the content type names a format that is not JSON, [`VerifyError::TooManyEvents`] if a
    /// batch is too long, and [`VerifyError::Missing`] or [`VerifyError::Malformed`] with the name of the attribute or part that is invalid.
    pub fn read(headers: &HeaderMap, body: &Bytes) -> Result<Vec<Self>, VerifyError> {
        match Mode::of(headers)? {
            Some(Mode::Binary) => Ok(vec![binary(headers, body)?]),
            Some(Mode::Structured) => Ok(vec![structured(body)?]),
            Some(Mode::Batch) => {
                let events: Vec<&RawValue> = serde_json::from_slice(body).map_err(|_| NO_EVENT)?;
                if events.len() > MAX_EVENTS {
                    return Err(VerifyError::TooManyEvents(MAX_EVENTS));
                }
                events.into_iter().map(|event| structured(event.get().as_bytes())).collect()
            }
            None => Err(VerifyError::Missing(shown("specversion"))),
        }
    }

    /// Reads one event. For an event of a batch, pass the headers of the request and the event's own part of the body, as a
    /// verified event has them.
    ///
    /// # Errors
    /// Returns the errors of [`read`](Self::read), except for [`VerifyError::TooManyEvents`].
    pub fn of_one(headers: &HeaderMap, body: &Bytes) -> Result<Self, VerifyError> {
        match Mode::of(headers)? {
            Some(Mode::Binary) => binary(headers, body),
            Some(Mode::Structured | Mode::Batch) => structured(body),
            None => Err(VerifyError::Missing(shown("specversion"))),
        }
    }

    fn of_attributes(mut attributes: BTreeMap<String, String>, data: Option<Bytes>) -> Result<Self, VerifyError> {
        if let Some((name, _)) = attributes.iter().find(|(_, text)| text.chars().any(char::is_control)) {
            return Err(VerifyError::Malformed(shown(name)));
        }
        let mut required = |name: &str| {
            attributes.remove(name).filter(|it| !it.is_empty()).ok_or_else(|| VerifyError::Missing(shown(name)))
        };
        if required("specversion")? != "1.0" {
            return Err(VerifyError::Malformed(shown("specversion")));
        }
        let (id, source, event_type) = (required("id")?, required("source")?, required("type")?);
        Ok(Self {
            id,
            source,
            event_type,
            subject: attributes.remove("subject"),
            time: attributes.remove("time"),
            data_content_type: attributes.remove("datacontenttype"),
            data_schema: attributes.remove("dataschema"),
            extensions: attributes,
            data,
        })
    }
}

fn binary(headers: &HeaderMap, body: &Bytes) -> Result<CloudEvent, VerifyError> {
    let mut attributes = BTreeMap::new();
    for name in headers.keys().filter(|name| name.as_str().starts_with("ce-")) {
        let attribute = name.as_str().get(3..).unwrap_or_default().to_owned();
        let malformed = || VerifyError::Malformed(shown(&attribute));
        let mut values = headers.get_all(name).iter();
        let value = values.next().and_then(|value| value.to_str().ok()).ok_or_else(malformed)?;
        if values.next().is_some() || value.len() > MAX_ATTRIBUTE_BYTES || !is_header_name(&attribute) {
            return Err(malformed());
        }
        let decoded = decode_header(value).ok_or_else(malformed)?;
        attributes.insert(attribute, decoded);
        if attributes.len() > MAX_EXTENSIONS {
            return Err(VerifyError::Malformed("CloudEvents attributes"));
        }
    }
    if let Some(content_type) = headers.get(CONTENT_TYPE) {
        let text = content_type.to_str().map_err(|_| VerifyError::Malformed(shown("datacontenttype")))?;
        attributes.insert("datacontenttype".to_owned(), text.to_owned());
    }
    CloudEvent::of_attributes(attributes, (!body.is_empty()).then(|| body.clone()))
}

/// Lower-case letters and digits (section 3.1 of the core specification).
fn is_attribute_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// The content type has a header of its own (section 3.1.1), and the data is in the body.
fn is_header_name(name: &str) -> bool {
    is_attribute_name(name) && !["datacontenttype", "data"].contains(&name)
}

/// The value of a header (section 3.1.3.2): quotes of older senders first, then one round of percent-decoding, then UTF-8.
#[must_use]
pub fn decode_header(value: &str) -> Option<String> {
    let unquoted = match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => Cow::Owned(unescaped(inner)?),
        None => Cow::Borrowed(value),
    };
    String::from_utf8(percent::decode(unquoted.as_bytes()).into_owned()).ok()
}

fn unescaped(inner: &str) -> Option<String> {
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.push(characters.next()?),
            '"' => return None,
            other => text.push(other),
        }
    }
    Some(text)
}

/// Writes a value as a header. Spaces, quotes, percent signs and everything beyond printable ASCII are percent-encoded.
#[must_use]
pub fn encode_header(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    percent::encode_to(&mut encoded, value, |byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'%'));
    encoded
}

/// All members of an object. A member that occurs twice is an error.
struct Members<'a>(BTreeMap<String, &'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;
        impl<'de> serde::de::Visitor<'de> for Reading {
            type Value = BTreeMap<String, &'de RawValue>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = map.next_entry()? {
                    if members.insert(name, value).is_some() || members.len() > MAX_EXTENSIONS {
                        return Err(serde::de::Error::custom("a member occurs twice, or there are too many members"));
                    }
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Reading).map(Members)
    }
}

fn structured(body: &[u8]) -> Result<CloudEvent, VerifyError> {
    let Members(members) = serde_json::from_slice(body).map_err(|_| NO_EVENT)?;
    let (mut attributes, mut data, mut base64) = (BTreeMap::new(), None, None);
    for (name, raw) in members {
        match &*name {
            "data" => data = Some(raw),
            "data_base64" => base64 = Some(raw),
            _ => {
                if let Some(text) = attribute(&name, raw.get())? {
                    attributes.insert(name, text);
                }
            }
        }
    }
    let is_json = attributes.get("datacontenttype").is_none_or(|text| is_json(text));
    let mut data = data.map(|raw| Bytes::from(data_of(raw, is_json)));
    if let Some(raw) = base64 {
        let wrong = || VerifyError::Malformed(shown("data_base64"));
        let text: String = serde_json::from_str(raw.get()).map_err(|_| wrong())?;
        if data.replace(BASE64.decode(text).map_err(|_| wrong())?.into()).is_some() {
            return Err(wrong());
        }
    }
    CloudEvent::of_attributes(attributes, data)
}

/// The JSON as written, or the text itself if the content type is not JSON (section 3.1.1 of the JSON format).
fn data_of(raw: &RawValue, is_json: bool) -> String {
    let text = if is_json { None } else { serde_json::from_str(raw.get()).ok() };
    text.unwrap_or_else(|| raw.get().to_owned())
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.ends_with("/json") || essence.ends_with("+json")
}

/// A text, a number or a boolean; `null` counts as absent.
fn attribute(name: &str, json: &str) -> Result<Option<String>, VerifyError> {
    let malformed = || VerifyError::Malformed(shown(name));
    if !is_attribute_name(name) || json.len() > MAX_ATTRIBUTE_BYTES {
        return Err(malformed());
    }
    match serde_json::from_str(json).map_err(|_| malformed())? {
        serde_json::Value::Null => Ok(None),
        serde_json::Value::String(text) => Ok(Some(text)),
        serde_json::Value::Bool(truth) => Ok(Some(truth.to_string())),
        serde_json::Value::Number(number) => Ok(Some(number.to_string())),
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => Err(malformed()),
    }
}
