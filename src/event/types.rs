//! Which event types an application sends, and what they carry.

use std::fmt;

use serde_json::Value;

use super::EventType;

/// Knows the event types of an application. [`EventCatalog`](super::EventCatalog) is one, made from Rust types.
pub trait EventTypes: fmt::Debug + Send + Sync + 'static {
    /// All of them, by name.
    fn list(&self) -> Vec<DescribedType>;

    /// Whether `data`, the JSON that an event of this type is to carry, is as its type says.
    ///
    /// # Errors
    /// When it is not, or the type is unknown and unknown ones are refused.
    fn check(&self, event_type: &EventType, data: &[u8]) -> Result<(), Unfit>;
}

/// An event type, described.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DescribedType {
    /// Its name.
    pub event_type: EventType,
    /// What it tells, in words.
    pub description: Option<String>,
    /// JSON Schema (2020-12) of its data.
    pub schema: Value,
    /// Data that such an event may carry.
    pub sample: Value,
}

impl DescribedType {
    /// A type whose data this schema describes.
    #[must_use]
    pub const fn new(event_type: EventType, schema: Value, sample: Value) -> Self {
        Self { event_type, description: None, schema, sample }
    }

    /// What it tells, in words.
    #[must_use]
    pub fn described(mut self, description: Option<String>) -> Self {
        self.description = description;
        self
    }
}

/// The data of an event is not as its type says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("data{place}: {detail}")]
pub struct Unfit {
    place: String,
    detail: String,
}

impl Unfit {
    /// `place` is a JSON Pointer (RFC 6901) into the data; `detail` says what is wrong there, without its value.
    #[must_use]
    pub fn at(place: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { place: place.into(), detail: detail.into() }
    }

    /// Where: a JSON Pointer into the data.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }
}
