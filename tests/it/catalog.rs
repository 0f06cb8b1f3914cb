//! The catalog of event types: schemas, samples, and the check of dispatched events.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use hookwire::event::{EventCatalog, EventType, EventTypes, NewEvent};
use hookwire::sender::{DispatchError, Sender};
use hookwire::store::MemoryStore;

/// An invoice was paid in full.
#[derive(Serialize, JsonSchema)]
struct InvoicePaid {
    invoice: u64,
    #[schemars(range(min = 1))]
    cents: u64,
    lines: Vec<Line>,
    by: Payment,
}

#[derive(Serialize, JsonSchema)]
struct Line {
    text: String,
    note: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Payment {
    Card { last_digits: String },
    Transfer,
}

/// A recursive type.
#[derive(Serialize, JsonSchema)]
struct Folder {
    name: String,
    within: Option<Box<Folder>>,
    folders: Vec<Folder>,
}

#[derive(Serialize, JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
#[serde(rename_all = "snake_case")]
enum State {
    Open,
    Closed,
}

#[derive(Serialize, JsonSchema)]
#[schemars(example = Ticket { id: "T-1".into() })]
struct Ticket {
    #[schemars(regex(pattern = "^T-[0-9]+$"))]
    id: String,
}

/// A type for which no sample can be made: a made-up text does not match the pattern.
#[derive(Serialize, JsonSchema)]
struct Patterned {
    #[schemars(regex(pattern = "^T-[0-9]+$"))]
    id: String,
}

#[derive(Serialize, JsonSchema)]
struct Wide {
    #[schemars(length(min = 2))]
    tags: Vec<State>,
    map: BTreeMap<String, i64>,
    pair: (bool, f64),
    any: Value,
    #[schemars(length(min = 12), email)]
    text: String,
    unit: (),
}

fn catalog() -> EventCatalog {
    let catalog = EventCatalog::new().event::<InvoicePaid>("invoice.paid").unwrap();
    let catalog = catalog.event::<Folder>("folder.moved").unwrap().event::<Ticket>("ticket.closed").unwrap();
    catalog.event::<Wide>("wide").unwrap().event::<State>("state").unwrap()
}

fn paid() -> EventType {
    EventType::new("invoice.paid").unwrap()
}

#[test]
fn every_sample_matches_its_schema() {
    let catalog = catalog();
    let all = catalog.list();
    assert_eq!(
        all.iter().map(|one| one.event_type.as_str()).collect::<Vec<_>>(),
        ["folder.moved", "invoice.paid", "state", "ticket.closed", "wide"]
    );
    for described in all {
        let sample = serde_json::to_vec(&described.sample).unwrap();
        assert_eq!(catalog.check(&described.event_type, &sample), Ok(()), "{described:?}");
    }
    let find = |name: &str| catalog.list().into_iter().find(|one| one.event_type.as_str() == name).unwrap();
    assert_eq!(find("ticket.closed").sample, json!({"id": "T-1"}), "the example that the type declares");
    assert_eq!(find("invoice.paid").description.as_deref(), Some("An invoice was paid in full."));
    assert_eq!(find("folder.moved").sample["folders"], json!([]));
}

#[test]
fn a_type_without_a_valid_sample_is_rejected() {
    let refused = EventCatalog::new().event::<Patterned>("a").unwrap_err();
    assert!(refused.field == "sample" && refused.problem.starts_with("data/id: "), "{refused}");
    let wrong = Patterned { id: "nonsense".into() };
    assert_eq!(EventCatalog::new().event_with_sample("a", &wrong).unwrap_err().field, "sample");
    let right = Patterned { id: "T-7".into() };
    let catalog = EventCatalog::new().event_with_sample("a", &right).unwrap();
    assert_eq!(catalog.list()[0].sample, json!({"id": "T-7"}));
    assert_eq!(catalog.event::<State>("a").unwrap_err().problem, "`a` is in the catalog already");
    assert!(EventCatalog::new().event::<State>("a..b").unwrap_err().problem.contains("joined by full stops"));
}

#[test]
fn a_violation_names_the_member_and_not_its_value() {
    let catalog = catalog();
    let line = json!([{"text": "t", "note": null}]);
    for (data, place) in [
        (json!({"invoice": 1, "cents": 1, "lines": [], "by": {"kind": "transfer"}}), None),
        (json!({"invoice": 1, "cents": 1, "lines": line, "by": {"kind": "card", "last_digits": "1234"}}), None),
        (json!({"invoice": "confidential", "cents": 1, "lines": [], "by": {"kind": "transfer"}}), Some("data/invoice")),
        (json!({"invoice": 1, "cents": 0, "lines": [], "by": {"kind": "transfer"}}), Some("data/cents")),
        (json!({"invoice": 1, "lines": [], "by": {"kind": "transfer"}}), Some("data")),
        (
            json!({"invoice": 1, "cents": 1, "lines": [{"text": 7}], "by": {"kind": "transfer"}}),
            Some("data/lines/0/text"),
        ),
        (json!({"invoice": 1, "cents": 1, "lines": [], "by": {"kind": "confidential"}}), Some("data/by")),
        (json!("confidential"), Some("data")),
    ] {
        let checked = catalog.check(&paid(), data.to_string().as_bytes());
        assert_eq!(checked.as_ref().err().map(|violation| &*violation.field), place, "{data}");
        assert!(!format!("{checked:?}").contains("confidential"), "{checked:?}");
    }
    assert!(catalog.check(&paid(), b"{").is_err());
}

#[test]
fn unknown_types_are_rejected_only_with_deny_unknown() {
    let unknown = EventType::new("user.created").unwrap();
    assert!(catalog().check(&unknown, b"{}").is_ok());
    assert!(catalog().deny_unknown().check(&unknown, b"{}").is_err());
    assert!(
        catalog()
            .deny_unknown()
            .check(&paid(), br#"{"invoice":1,"cents":1,"lines":[],"by":{"kind":"transfer"}}"#)
            .is_ok()
    );
}

#[tokio::test]
async fn an_event_that_violates_its_schema_is_not_dispatched() {
    let sender = Sender::builder(MemoryStore::new()).event_types(catalog().deny_unknown()).build().unwrap();
    let paid = InvoicePaid { invoice: 1, cents: 1, lines: Vec::new(), by: Payment::Transfer };
    sender.dispatch(NewEvent::json("invoice.paid", &paid).unwrap()).await.unwrap();
    for (name, data) in [("invoice.paid", json!({"invoice": 1})), ("user.created", json!({}))] {
        let refused = sender.dispatch(NewEvent::json(name, &data).unwrap()).await;
        assert!(matches!(refused, Err(DispatchError::SchemaViolation(_))), "{name}");
    }
    sender.dispatch(NewEvent::raw("user.created", "text/plain", "as it is").unwrap()).await.unwrap();
}

/// Every reference of the document resolves, and each example matches its schema.
#[test]
fn the_openapi_document_is_complete() {
    let document = catalog().openapi("Acme webhooks", "1.2.0");
    assert_eq!((&document["openapi"], &document["info"]["version"]), (&json!("3.1.0"), &json!("1.2.0")));
    assert_eq!(document["webhooks"].as_object().unwrap().len(), 5);
    let text = document.to_string();
    let references: Vec<_> = text.split(r##""$ref":"#"##).skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(references.len() > 4, "{references:?}");
    for reference in references {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
    for (name, item) in document["webhooks"].as_object().unwrap() {
        let content = &item["post"]["requestBody"]["content"]["application/json"];
        assert_eq!(content["example"]["type"], json!(name));
        let mut schema = content["schema"].clone();
        schema["components"] = document["components"].clone();
        assert!(jsonschema::draft202012::is_valid(&schema, &content["example"]), "{name}: {content}");
    }
}
