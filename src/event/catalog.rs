//! A catalog of event types, made from Rust types.

use std::collections::BTreeMap;
use std::fmt;

use jsonschema::Validator;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Value, json};

use super::error;
use super::event_type::EventType;
use super::sample::sample;
use super::types::{EventTypeInfo, EventTypes};
use crate::field::FieldError;

/// Longest detail of a schema violation, in characters.
const MAX_DETAIL: usize = 256;

/// The event types of an application, each with the Rust type of its data. The catalog derives JSON Schemas and samples from
/// them, checks every dispatched event ([`SenderBuilder::event_types`](crate::sender::SenderBuilder::event_types)), and writes an
/// OpenAPI document for receivers.
///
/// ```
/// use hookwire::event::{EventCatalog, EventType, EventTypes};
/// use schemars::JsonSchema;
/// use serde::Serialize;
///
/// /// An invoice was paid in full.
/// #[derive(Serialize, JsonSchema)]
/// struct InvoicePaid {
///     invoice: u64,
///     #[schemars(range(min = 1))]
///     cents: u64,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let catalog = EventCatalog::new().event::<InvoicePaid>("invoice.paid")?;
/// let paid = EventType::new("invoice.paid")?;
/// assert!(catalog.check(&paid, br#"{"invoice": 1042, "cents": 9900}"#).is_ok());
/// let violation = catalog.check(&paid, br#"{"invoice": 1042, "cents": 0}"#).unwrap_err();
/// assert_eq!(violation.field, "data/cents");
/// assert_eq!(catalog.list()[0].description.as_deref(), Some("An invoice was paid in full."));
/// assert!(catalog.event::<InvoicePaid>("invoice.paid").is_err(), "it is in the catalog already");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct EventCatalog {
    types: BTreeMap<String, Entry>,
    denies_unknown: bool,
}

struct Entry {
    described: EventTypeInfo,
    validator: Validator,
    /// Makes the schema with references to shared definitions, for the OpenAPI document.
    subschema: fn(&mut SchemaGenerator) -> Schema,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.described.fmt(f)
    }
}

impl EventCatalog {
    /// An empty catalog.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an event type whose data is a `T`. Its description is the doc comment of `T`. Its sample is the first example of `T`
    /// (`#[schemars(example = ..)]`), or is made from the schema.
    ///
    /// # Errors
    /// Returns a [`FieldError`] of the event type if the name is malformed or taken, and of the schema if that of `T` is invalid. Returns
    /// one of the sample if none can be made from the schema, for instance if a string has a pattern. In this case use
    /// [`event_with_sample`](Self::event_with_sample).
    pub fn event<T: JsonSchema>(self, name: &str) -> Result<Self, FieldError> {
        let schema = schema_of::<T>();
        let example = sample(&schema);
        self.add(name, schema, example, SchemaGenerator::subschema_for::<T>)
    }

    /// Adds an event type with a sample of its data.
    ///
    /// ```
    /// use hookwire::event::{EventCatalog, EventTypes};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let catalog = EventCatalog::new().event_with_sample("invoice.paid", &1042_u64)?;
    /// assert_eq!(catalog.list()[0].sample, 1042);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`event`](Self::event), and a [`FieldError`] if the sample does not match the schema.
    pub fn event_with_sample<T: JsonSchema + Serialize>(self, name: &str, sample: &T) -> Result<Self, FieldError> {
        let sample = serde_json::to_value(sample).map_err(|_| error::not_json())?;
        self.add(name, schema_of::<T>(), sample, SchemaGenerator::subschema_for::<T>)
    }

    fn add(
        mut self,
        name: &str,
        schema: Value,
        sample: Value,
        subschema: fn(&mut SchemaGenerator) -> Schema,
    ) -> Result<Self, FieldError> {
        let event_type = EventType::new(name)?;
        let validator = jsonschema::draft202012::new(&schema);
        let validator = validator.map_err(|error| FieldError::new("schema", error.to_string()))?;
        let remedy = "give one that matches the schema with event_with_sample";
        let wrong = |violation| FieldError::new("sample", format!("{violation}; {remedy}"));
        check_schema(&validator, &sample).map_err(wrong)?;
        let description = schema.get("description").and_then(Value::as_str).map(String::from);
        let described = EventTypeInfo::new(event_type.clone(), schema, sample).with_description(description);
        if self.types.insert(name.into(), Entry { described, validator, subschema }).is_some() {
            return Err(FieldError::new("event type", format!("`{event_type}` is in the catalog already")));
        }
        Ok(self)
    }

    /// Rejects events whose type is not in the catalog. Without this setting their data is not checked.
    ///
    /// ```
    /// use hookwire::event::{EventCatalog, EventType, EventTypes};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let unknown = EventType::new("user.created")?;
    /// assert!(EventCatalog::new().check(&unknown, b"{}").is_ok());
    /// assert!(EventCatalog::new().deny_unknown().check(&unknown, b"{}").is_err());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn deny_unknown(mut self) -> Self {
        self.denies_unknown = true;
        self
    }

    /// An OpenAPI 3.1 document for receivers, with a `webhooks` entry for each type: the Standard Webhooks envelope around its
    /// data.
    ///
    /// ```
    /// use hookwire::event::EventCatalog;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let catalog = EventCatalog::new().event::<u64>("invoice.paid")?;
    /// let document = catalog.openapi("Acme webhooks", "1.0.0");
    /// assert_eq!(document["webhooks"]["invoice.paid"]["post"]["operationId"], "invoice.paid");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn openapi(&self, title: &str, version: &str) -> Value {
        let mut settings = SchemaSettings::draft2020_12();
        settings.definitions_path = "/components/schemas".into();
        let mut generator = settings.into_generator();
        let webhooks = self.types.iter().map(|(name, entry)| {
            let data = (entry.subschema)(&mut generator);
            (name.clone(), webhook(&entry.described, &data))
        });
        let webhooks: serde_json::Map<_, _> = webhooks.collect();
        json!({
            "openapi": "3.1.0",
            "info": { "title": title, "version": version },
            "webhooks": webhooks,
            "components": { "schemas": generator.take_definitions(true) },
        })
    }
}

fn schema_of<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().into()
}

/// The entry of one event type in the OpenAPI document.
fn webhook(described: &EventTypeInfo, data: &Schema) -> Value {
    let name = described.event_type.as_str();
    let envelope = json!({
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": { "const": name },
            "timestamp": { "type": "string", "format": "date-time" },
            "data": data,
        },
    });
    let header = |name: &str, description: &str| json!({ "name": name, "in": "header", "required": true, "description": description, "schema": { "type": "string" } });
    json!({ "post": {
        "operationId": name,
        "description": described.description,
        "parameters": [
            header("webhook-id", "the same on every attempt"),
            header("webhook-timestamp", "when this attempt was signed, in Unix seconds"),
            header("webhook-signature", "signatures, one for each live key"),
        ],
        "requestBody": { "required": true, "content": { "application/json": {
            "schema": envelope,
            "example": { "type": name, "timestamp": "2026-01-31T12:00:00Z", "data": described.sample },
        } } },
        "responses": { "2XX": { "description": "the event was accepted" } },
    } })
}

fn check_schema(validator: &Validator, data: &Value) -> Result<(), FieldError> {
    let Err(error) = validator.validate(data) else { return Ok(()) };
    // The masked text leaves out the value, which may be confidential.
    let detail: String = error.masked().to_string().chars().take(MAX_DETAIL).collect();
    Err(FieldError::new(format!("data{}", error.instance_path()), detail))
}

impl EventTypes for EventCatalog {
    fn list(&self) -> Vec<EventTypeInfo> {
        self.types.values().map(|entry| entry.described.clone()).collect()
    }

    fn check(&self, event_type: &EventType, data: &[u8]) -> Result<(), FieldError> {
        match self.types.get(event_type.as_str()) {
            Some(entry) => {
                let data = serde_json::from_slice(data).map_err(|error| FieldError::new("data", error.to_string()))?;
                check_schema(&entry.validator, &data)
            }
            None if self.denies_unknown => Err(FieldError::new("data", "the event type is not in the catalog")),
            None => Ok(()),
        }
    }
}
