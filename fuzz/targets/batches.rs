//! Batches by pointers and JSON Lines: what we cut a body into is what a reader of the whole body finds.
//!
//! The input is which of the schemes, and a body.
#![no_main]

use std::collections::HashSet;

use hookwire::clock::Timestamp;
use hookwire::secret::Keyring;
use hookwire::signature::{
    Batch, Events, Identified, Identity, Item, ItemBytes, Place, Received, Scheme, Trust, Verify,
};
use hookwire_fuzz::check_events;
use http::{HeaderMap, Method, Uri};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const STEPS: [&[&[&str]]; 4] = [&[&[""]], &[&["/events"]], &[&["/entry"], &["/messaging", "/changes"]], &[&["/a/0/b"]]];

const fn scheme(items: &'static [&'static [&'static str]], identity: Identified) -> Scheme {
    Scheme::new("acme", "https://acme.example/docs").batch(Batch {
        field: None,
        items,
        id: &[Place::Json("/id")],
        event_type: &[Place::Json("/type")],
        identity,
    })
}

static SCHEMES: [Scheme; 4] = [
    scheme(STEPS[0], Identified::ByBody),
    scheme(STEPS[1], Identified::By(Place::Json("/key"))),
    scheme(STEPS[2], Identified::ById),
    scheme(STEPS[3], Identified::First(&[Identified::ByBodyWith(Place::Json("/at")), Identified::Never])),
];

static FORM: Scheme = Scheme::new("acme", "https://acme.example/docs").batch(Batch {
    field: Some("batch"),
    items: &[&[""]],
    id: &[Place::Json("/id")],
    event_type: &[],
    identity: Identified::ByRequest,
});

fuzz_target!(|data: &[u8]| {
    let Some((which, body)) = data.split_first() else { return };
    if let Ok(Events::Batch(items)) = events(&FORM, body) {
        assert!(items.iter().all(|item| serde_json::from_slice::<serde::de::IgnoredAny>(bytes(item, body)).is_ok()));
    }
    let which = usize::from(*which) % STEPS.len();
    let Ok(events) = events(&SCHEMES[which], body) else { return };
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
        // JSON that is not the whole body (in a field, behind a byte order mark), and JSON that only we read: numbers of any size.
        (Events::Batch(items), None) => {
            let is_json = serde_json::from_slice::<Value>(body).is_ok();
            assert!(!is_json, "a batch of {} where another reader finds none", items.len());
        }
        (Events::One(_), Some(expected)) => panic!("one event where another reader finds {}", expected.len()),
        (Events::One(_), None) => {}
    }
});

fn events(scheme: &Scheme, body: &[u8]) -> Result<Events, hookwire::signature::VerifyError> {
    let (method, uri, headers) = (Method::POST, Uri::from_static("/"), HeaderMap::new());
    let received = Received { method: &method, uri: &uri, headers: &headers, body };
    let keys = Keyring::none();
    let trust = Trust::new(&keys, Timestamp::from_secs(1_700_000_000));
    let events = Verify::events(scheme, &received, &trust)?;
    check_events(&events);
    Ok(events)
}

/// The items, as a reader finds them that reads the whole body.
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

/// JSON Lines: two objects at least, and nothing else.
fn lines(body: &[u8]) -> Option<Vec<Value>> {
    let values = serde_json::Deserializer::from_slice(body).into_iter::<Value>().collect::<Result<Vec<_>, _>>().ok()?;
    (values.len() > 1 && values.iter().all(Value::is_object)).then_some(values)
}

fn bytes<'b>(item: &'b Item, body: &'b [u8]) -> &'b [u8] {
    match &item.bytes {
        ItemBytes::Part(range) => &body[range.clone()],
        ItemBytes::Decoded(bytes) => bytes,
    }
}

fn check_item(item: &Item, body: &[u8], expected: &Value, which: usize) {
    let read: Value = serde_json::from_slice(bytes(item, body)).expect("JSON");
    assert_eq!(&read, expected);
    for (kept, name) in [(&item.event.id, "id"), (&item.event.event_type, "type")] {
        let is_name =
            |text: &&str| (1..=256).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        match &expected[name] {
            Value::String(text) => assert_eq!(kept.as_deref(), Some(text.as_str()).filter(is_name)),
            Value::Number(_) => {}
            // An item may be a text that holds JSON of its own.
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

/// Events of one request that only their bytes tell apart are not each other's duplicates, even where the bytes are equal.
fn check_identities(items: &[Item], body: &[u8]) {
    let mut seen = HashSet::new();
    for item in items {
        let is_new = match &item.event.identity {
            Identity::This(text) => seen.insert(text.as_bytes()),
            _ => seen.insert(bytes(item, body)),
        };
        assert!(is_new, "two events of one request have one identity");
    }
}
