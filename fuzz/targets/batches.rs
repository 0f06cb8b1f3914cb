//! Batches by JSON pointers and JSON Lines: the items equal those that a parser of the whole body finds.
//!
//! The input is the number of a scheme (one byte), and a body.
#![no_main]

use std::collections::HashSet;
use std::sync::LazyLock;

use bytes::Bytes;
use hookwire::clock::Timestamp;
use hookwire::provider::{Events, Identity, Item, Scheme, SchemeConfig};
use hookwire::secret::Keyring;
use hookwire::signature::{Received, Trust};
use hookwire_fuzz::check_events;
use http::{HeaderMap, Method, Uri};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const STEPS: [&[&[&str]]; 4] = [&[&[""]], &[&["/events"]], &[&["/entry"], &["/messaging", "/changes"]], &[&["/a/0/b"]]];

static SCHEMES: LazyLock<[&Scheme; 4]> = LazyLock::new(|| {
    ["body", "json:/key", "id", "body_with:json:/at else never"].map(|identity| {
        let which = ["body", "json:/key", "id"].iter().position(|known| *known == identity).unwrap_or(3);
        let batch =
            json!({ "items": STEPS[which], "id": ["json:/id"], "event_type": ["json:/type"], "identity": identity });
        scheme(json!({ "name": "acme", "unproved": true, "batch": batch }))
    })
});

static FORM: LazyLock<&Scheme> = LazyLock::new(|| {
    let batch = json!({ "field": "batch", "items": [[""]], "id": ["json:/id"], "identity": "request" });
    scheme(json!({ "name": "acme", "unproved": true, "batch": batch }))
});

fn scheme(config: Value) -> &'static Scheme {
    serde_json::from_value::<SchemeConfig>(config).expect("a description").scheme().expect("a scheme")
}

fuzz_target!(|data: &[u8]| {
    let Some((which, body)) = data.split_first() else { return };
    if let Ok(Events::Batch(items)) = events(&FORM, body) {
        assert!(items.iter().all(|item| serde_json::from_slice::<serde::de::IgnoredAny>(&bytes(item, body)).is_ok()));
    }
    let which = usize::from(*which) % STEPS.len();
    let Ok(events) = events(SCHEMES[which], body) else { return };
    let expected = expected(body, STEPS[which]);
    match (&events, expected) {
        (Events::Batch(items), Some(expected)) => {
            assert_eq!(items.len(), expected.len());
            for (item, expected) in items.iter().zip(&expected) {
                check_item(item, body, expected, which);
            }
            if which == 0 {
                check_identities(items, body);
            }
        }
        // The JSON is not the whole body (it is in a field or after a byte order mark), or `serde_json` does not accept it because a
        // number is too large.
        (Events::Batch(items), None) => {
            let is_json = serde_json::from_slice::<Value>(body).is_ok();
            assert!(!is_json, "a batch of {}, but serde_json finds none", items.len());
        }
        (Events::One(_), Some(expected)) => panic!("one event, but serde_json finds {}", expected.len()),
        (Events::One(_), None) => {}
    }
});

fn events(scheme: &Scheme, body: &[u8]) -> Result<Events, hookwire::signature::VerifyError> {
    let (method, uri, headers) = (Method::POST, Uri::from_static("/"), HeaderMap::new());
    let received = Received { method: &method, uri: &uri, headers: &headers, body };
    let keys = Keyring::empty();
    let trust = Trust::new(&keys, Timestamp::from_secs(1_700_000_000));
    let events = scheme.events(&received, &trust)?;
    check_events(&events);
    Ok(events)
}

/// Returns the items that a parser of the whole body finds.
fn expected(body: &[u8], steps: &[&[&str]]) -> Option<Vec<Value>> {
    let Ok(whole) = serde_json::from_slice::<Value>(body) else {
        return if steps == STEPS[0] { lines(body) } else { None };
    };
    let array = |value: &Value, step: &[&str]| step.iter().find_map(|at| value.pointer(at)?.as_array().cloned());
    let mut items = array(&whole, steps[0])?;
    for step in &steps[1..] {
        let inside = |item: Value| array(&item, step).unwrap_or_else(|| vec![item]);
        items = items.into_iter().flat_map(inside).collect();
    }
    Some(items)
}

/// Reads JSON Lines: at least two objects and nothing else.
fn lines(body: &[u8]) -> Option<Vec<Value>> {
    let values = serde_json::Deserializer::from_slice(body).into_iter::<Value>().collect::<Result<Vec<_>, _>>().ok()?;
    (values.len() > 1 && values.iter().all(Value::is_object)).then_some(values)
}

fn bytes(item: &Item, body: &[u8]) -> Bytes {
    item.bytes_in(&Bytes::copy_from_slice(body))
}

fn check_item(item: &Item, body: &[u8], expected: &Value, which: usize) {
    let read: Value = serde_json::from_slice(&bytes(item, body)).expect("JSON");
    assert_eq!(&read, expected);
    for (kept, name) in [(&item.event.id, "id"), (&item.event.event_type, "type")] {
        let is_name =
            |text: &&str| (1..=256).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        match &expected[name] {
            Value::String(text) => assert_eq!(kept.as_deref(), Some(text.as_str()).filter(is_name)),
            Value::Number(_) => {}
            // An item may be a string that contains JSON.
            _ => assert!(kept.is_none() || expected.is_string()),
        }
    }
    match (which, &item.event.identity) {
        (1, Identity::This(text)) => {
            assert!(expected.is_string() || expected["key"].as_str().is_none_or(|key| key == text))
        }
        (1, other) => assert!(expected["key"].as_str().is_none_or(str::is_empty), "{other:?}"),
        (2, Identity::Id) | (3, Identity::Body | Identity::This(_) | Identity::Nothing) | (0, _) => {}
        (which, other) => panic!("scheme {which}: {other:?}"),
    }
}

/// Checks that the events of one request have different identities, even if their bytes are equal.
fn check_identities(items: &[Item], body: &[u8]) {
    let mut seen = HashSet::new();
    for item in items {
        let is_new = match &item.event.identity {
            Identity::This(text) => seen.insert(text.clone().into_bytes()),
            _ => seen.insert(bytes(item, body).to_vec()),
        };
        assert!(is_new, "two events of one request have one identity");
    }
}
