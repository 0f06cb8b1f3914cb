//! URL-encoded and multipart forms: a field is read completely, or the request is refused if the field appears twice. A file is not a
//! field.
//!
//! The input is alternating lines of names and values. `@` before a name marks a file.
#![no_main]

use std::sync::LazyLock;

use hookwire::clock::Timestamp;
use hookwire::provider::{Events, Scheme, SchemeConfig};
use hookwire::secret::Keyring;
use hookwire::signature::{Received, Trust, VerifyError};
use hookwire_fuzz::check_events;
use http::{HeaderMap, Method, Uri};
use libfuzzer_sys::fuzz_target;

const BOUNDARY: &str = "--Boundary-1700000000";

/// The maximum number of parts that are read.
const MAX_PARTS: usize = 256;

static SCHEME: LazyLock<&Scheme> = LazyLock::new(|| {
    let acme =
        r#"{"name":"acme","unproved":true,"id":["form:token"],"event_type":["form_json:payload#/type","json:/type"]}"#;
    serde_json::from_str::<SchemeConfig>(acme).expect("a description").scheme().expect("a valid scheme")
});

struct Field<'t> {
    name: &'t str,
    value: &'t str,
    is_file: bool,
}

fuzz_target!(|data: &[u8]| {
    let _raw = events(data);
    let _multipart = events(&[format!("--{BOUNDARY}\r\n").as_bytes(), data].concat());

    let Ok(text) = std::str::from_utf8(data) else { return };
    let lines: Vec<_> = text.split('\n').collect();
    let pairs = lines.chunks_exact(2).map(|pair| (pair[0], pair[1]));
    let fields: Vec<_> = pairs
        .map(|(name, value)| match name.strip_prefix('@') {
            Some(name) => Field { name, value, is_file: true },
            None => Field { name, value, is_file: false },
        })
        .collect();
    if fields.is_empty() || fields.len() > MAX_PARTS {
        return;
    }
    let is_valid = |field: &Field<'_>| {
        field.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-[].".contains(&byte))
            && !field.value.contains(BOUNDARY)
            && !field.value.contains('\r')
    };
    if fields.iter().all(is_valid) {
        check(&parts(&fields), &fields);
    }
    let plain: Vec<_> = fields.into_iter().filter(|field| !field.is_file).collect();
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(plain.iter().map(|field| (field.name, field.value)));
    check(form.finish().as_bytes(), &plain);
});

fn parts(fields: &[Field<'_>]) -> Vec<u8> {
    let mut body = String::new();
    for Field { name, value, is_file } in fields {
        let file = if *is_file { "; filename=\"a.txt\"" } else { "" };
        body += &format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{value}\r\n");
    }
    body += &format!("--{BOUNDARY}--\r\n");
    body.into_bytes()
}

fn check(body: &[u8], fields: &[Field<'_>]) {
    let tokens: Vec<_> = fields.iter().filter(|field| field.name == "token" && !field.is_file).collect();
    let found = events(body);
    match tokens[..] {
        [] => assert!(!matches!(&found, Ok(Events::One(event)) if event.id.is_some()), "an id without a field"),
        [one] => {
            let is_name =
                (1..=256).contains(&one.value.len()) && one.value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
            match &found {
                Ok(Events::One(event)) => assert_eq!(event.id.as_deref(), Some(one.value).filter(|_| is_name)),
                // The field with the JSON may appear twice, or its JSON may be ambiguous.
                other => assert_eq!(*other, Err(VerifyError::Malformed("event type"))),
            }
        }
        _ => assert_eq!(found.err(), Some(VerifyError::Malformed("event id")), "one of two values was chosen"),
    }
}

fn events(body: &[u8]) -> Result<Events, VerifyError> {
    let (method, uri, headers) = (Method::POST, Uri::from_static("/"), HeaderMap::new());
    let received = Received { method: &method, uri: &uri, headers: &headers, body };
    let keys = Keyring::empty();
    let trust = Trust::new(&keys, Timestamp::from_secs(1_700_000_000));
    let events = SCHEME.events(&received, &trust)?;
    check_events(&events);
    Ok(events)
}
