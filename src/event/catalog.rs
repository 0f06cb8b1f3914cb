//! A catalogue of event types, made from Rust types.

use std::collections::BTreeMap;
use std::fmt;

use jsonschema::Validator;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Value, json};

use super::sample::sample;
use super::{DescribedType, EventError, EventType, EventTypes, Unfit};

/// Longest description of what is wrong with an event, in characters.
const MAX_DETAIL: usize = 256;

/// The event types of an application, each with the Rust type of its data. From them follow JSON Schemas, samples, the check of
/// what is dispatched ([`SenderBuilder::event_types`](crate::sender::SenderBuilder::event_types)), and a document for those who
/// receive.
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
/// let unfit = catalog.check(&paid, br#"{"invoice": 1042, "cents": 0}"#).unwrap_err();
/// assert_eq!(unfit.place(), "/cents");
/// assert_eq!(catalog.list()[0].description.as_deref(), Some("An invoice was paid in full."));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct EventCatalog {
    types: BTreeMap<String, Entry>,
    known_only: bool,
}

struct Entry {
    described: DescribedType,
    validator: Validator,
    /// Its schema in a document of several.
    within: fn(&mut SchemaGenerator) -> Schema,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.described.fmt(f)
    }
}

/// An event type cannot be listed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// Its name is malformed.
    #[error(transparent)]
    Name(#[from] EventError),
    /// It is listed already.
    #[error("event type: `{0}` is listed already")]
    Twice(EventType),
    /// The schema of its data is no JSON Schema.
    #[error("schema: {0}")]
    Schema(String),
    /// The sample is not as its own schema says.
    #[error("sample: {0}")]
    Sample(Unfit),
}

impl EventCatalog {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a type whose data is a `T`. The description is the documentation of `T`; the sample is its first example
    /// (`#[schemars(example = ..)]`), or made from its schema.
    ///
    /// # Errors
    /// When the name is malformed or taken, the schema of `T` is no valid one, or no sample can be made from it (of a string with
    /// a pattern, say): give one with [`event_with_sample`](Self::event_with_sample).
    pub fn event<T: JsonSchema>(self, name: &str) -> Result<Self, CatalogError> {
        let schema = schema_of::<T>();
        let example = sample(&schema);
        self.add(name, schema, example, SchemaGenerator::subschema_for::<T>)
    }

    /// Adds a type with a sample of its data.
    ///
    /// # Errors
    /// As [`event`](Self::event); and when the sample is not as its schema says.
    pub fn event_with_sample<T: JsonSchema + Serialize>(self, name: &str, sample: &T) -> Result<Self, CatalogError> {
        let sample = serde_json::to_value(sample).map_err(EventError::Json)?;
        self.add(name, schema_of::<T>(), sample, SchemaGenerator::subschema_for::<T>)
    }

    fn add(
        mut self,
        name: &str,
        schema: Value,
        sample: Value,
        within: fn(&mut SchemaGenerator) -> Schema,
    ) -> Result<Self, CatalogError> {
        let event_type = EventType::new(name)?;
        let validator = jsonschema::draft202012::new(&schema);
        let validator = validator.map_err(|error| CatalogError::Schema(error.to_string()))?;
        fits(&validator, &sample).map_err(CatalogError::Sample)?;
        let description = schema.get("description").and_then(Value::as_str).map(String::from);
        let described = DescribedType::new(event_type.clone(), schema, sample).described(description);
        if self.types.insert(name.into(), Entry { described, validator, within }).is_some() {
            return Err(CatalogError::Twice(event_type));
        }
        Ok(self)
    }

    /// Events of types that are not listed are refused. Otherwise they are not checked.
    #[must_use]
    pub const fn known_only(mut self) -> Self {
        self.known_only = true;
        self
    }

    /// What receivers are sent, as an OpenAPI 3.1 document with a `webhooks` entry for each type: the Standard Webhooks envelope
    /// around its data.
    #[must_use]
    pub fn openapi(&self, title: &str, version: &str) -> Value {
        let mut settings = SchemaSettings::draft2020_12();
        settings.definitions_path = "/components/schemas".into();
        let mut generator = settings.into_generator();
        let webhooks = self.types.iter().map(|(name, entry)| {
            let data = (entry.within)(&mut generator);
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

/// One entry of the document.
fn webhook(described: &DescribedType, data: &Schema) -> Value {
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
        "responses": { "2XX": { "description": "it was taken in" } },
    } })
}

fn fits(validator: &Validator, data: &Value) -> Result<(), Unfit> {
    let Err(error) = validator.validate(data) else { return Ok(()) };
    // What is wrong is said without the value, which may be confidential.
    let detail: String = error.masked().to_string().chars().take(MAX_DETAIL).collect();
    Err(Unfit::at(error.instance_path().to_string(), detail))
}

impl EventTypes for EventCatalog {
    fn list(&self) -> Vec<DescribedType> {
        self.types.values().map(|entry| entry.described.clone()).collect()
    }

    fn check(&self, event_type: &EventType, data: &[u8]) -> Result<(), Unfit> {
        match self.types.get(event_type.as_str()) {
            Some(entry) => {
                let data = serde_json::from_slice(data).map_err(|error| Unfit::at("", error.to_string()))?;
                fits(&entry.validator, &data)
            }
            None if self.known_only => Err(Unfit::at("", "the event's type is not in the catalogue")),
            None => Ok(()),
        }
    }
}
