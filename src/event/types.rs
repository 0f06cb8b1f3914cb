//! The event types of an application, with the schemas of their data.

use std::fmt;

use serde_json::Value;

use super::event_type::EventType;
use crate::field::FieldError;

/// The event types of an application. `EventCatalog` (feature `catalog`) implements it from Rust types; implement it yourself to
/// read schemas from elsewhere.
///
/// ```
/// use hookwire::event::{EventType, EventTypeInfo, EventTypes};
/// use hookwire::field::FieldError;
///
/// /// Accepts invoices with a number.
/// #[derive(Debug)]
/// struct Invoices;
///
/// impl EventTypes for Invoices {
///     fn list(&self) -> Vec<EventTypeInfo> {
///         Vec::new()
///     }
///
///     fn check(&self, _: &EventType, data: &[u8]) -> Result<(), FieldError> {
///         let data: serde_json::Value = serde_json::from_slice(data).map_err(|error| FieldError::new("data", error.to_string()))?;
///         if data["invoice"].is_u64() { Ok(()) } else { Err(FieldError::new("data/invoice", "must be a number")) }
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let violation = Invoices.check(&EventType::new("invoice.paid")?, b"{}").unwrap_err();
/// assert_eq!(violation.to_string(), "data/invoice: must be a number");
/// # Ok(())
/// # }
/// ```
pub trait EventTypes: fmt::Debug + Send + Sync + 'static {
    /// All event types, sorted by name.
    fn list(&self) -> Vec<EventTypeInfo>;

    /// Checks the data of an event against the schema of its type. `data` is JSON.
    ///
    /// # Errors
    /// Returns a [`FieldError`] if the data does not match the schema, or if the type is unknown and unknown types are denied. Its field
    /// is `data`, followed by the JSON Pointer (RFC 6901) to the invalid value; the sender adds `data` if it is missing. Its text
    /// does not repeat the value, which may be confidential.
    fn check(&self, event_type: &EventType, data: &[u8]) -> Result<(), FieldError>;
}

/// An event type with its description, schema and sample.
///
/// ```
/// use hookwire::event::{EventType, EventTypeInfo};
/// use serde_json::json;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let paid = EventTypeInfo::new(EventType::new("invoice.paid")?, json!({ "type": "integer" }), json!(1042))
///     .with_description(Some("An invoice was paid in full.".into()));
/// assert_eq!(paid.sample, 1042);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EventTypeInfo {
    /// The event type.
    pub event_type: EventType,
    /// A description of such an event, for readers.
    pub description: Option<String>,
    /// JSON Schema (2020-12) of the data.
    pub schema: Value,
    /// Sample data that matches the schema.
    pub sample: Value,
}

impl EventTypeInfo {
    /// An event type without a description.
    #[must_use]
    pub const fn new(event_type: EventType, schema: Value, sample: Value) -> Self {
        Self { event_type, description: None, schema, sample }
    }

    /// Sets the description.
    #[must_use]
    pub fn with_description(mut self, description: Option<String>) -> Self {
        self.description = description;
        self
    }
}
