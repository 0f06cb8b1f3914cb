//! Requests as JSON: HAR files and JSON lines.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hookwire::clock::Timestamp;
use http::Request;
use serde_json::{Value, json};

use super::Captured;

/// Reads a HAR file, an array of requests, or one request per line.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Captured>, String> {
    let documents = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
    let mut all = Vec::new();
    for (at, document) in documents.enumerate() {
        let document = document.map_err(|error| format!("document {}: is not JSON: {error}", at + 1))?;
        let entries = match (&document, document.pointer("/log/entries")) {
            (_, Some(Value::Array(entries))) => entries.clone(),
            (Value::Array(items), _) => items.clone(),
            _ => vec![document],
        };
        for entry in entries {
            all.push(of_entry(&entry).map_err(|problem| format!("document {}: {problem}", at + 1))?);
        }
    }
    Ok(all)
}

fn of_entry(entry: &Value) -> Result<Captured, String> {
    let received_at = ["received_at", "startedDateTime"].iter().find_map(|name| entry[*name].as_str()?.parse().ok());
    let received_at = received_at.or_else(|| entry["now_unix"].as_i64().map(Timestamp::from_secs));
    let of = if entry["request"].is_object() { &entry["request"] } else { entry };
    let url = of["url"].as_str().or_else(|| of["path"].as_str()).unwrap_or("/");
    let mut request = Request::builder().method(of["method"].as_str().unwrap_or("POST")).uri(url);
    for (name, value) in headers(&of["headers"])? {
        // The pseudo-headers of HTTP/2 are not headers.
        if !name.starts_with(':') {
            request = request.header(name, value);
        }
    }
    let request = request.body(Bytes::from(body(of)?)).map_err(|error| format!("the request is invalid: {error}"))?;
    Ok(Captured { request, received_at })
}

/// Reads headers: a map from names to one value or several, pairs, or objects with `name` and `value`.
fn headers(value: &Value) -> Result<Vec<(String, String)>, String> {
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned).ok_or("headers: a value is not text");
    let mut all = Vec::new();
    match value {
        Value::Null => {}
        Value::Object(map) => {
            for (name, value) in map {
                match value {
                    Value::Array(values) => {
                        for value in values {
                            all.push((name.clone(), text(value)?));
                        }
                    }
                    value => all.push((name.clone(), text(value)?)),
                }
            }
        }
        Value::Array(list) => {
            for pair in list {
                let (name, value) =
                    if pair.is_array() { (&pair[0], &pair[1]) } else { (&pair["name"], &pair["value"]) };
                all.push((text(name)?, text(value)?));
            }
        }
        _ => return Err("headers: must be an object or a list".into()),
    }
    Ok(all)
}

fn body(of: &Value) -> Result<Vec<u8>, String> {
    let decoded = |text: &str, name: &str| BASE64.decode(text).map_err(|_| format!("{name}: is not base64"));
    if let Some(text) = of["body_base64"].as_str() {
        return decoded(text, "body_base64");
    }
    let posted = &of["postData"];
    match (posted["text"].as_str(), posted["encoding"].as_str()) {
        (Some(text), Some("base64")) => return decoded(text, "postData"),
        (Some(text), _) => return Ok(text.into()),
        (None, _) => {}
    }
    let is_encoded = of["isBase64Encoded"] == true;
    match &of["body"] {
        Value::Null => Ok(Vec::new()),
        Value::String(text) if is_encoded => decoded(text, "body"),
        Value::String(text) => Ok(text.clone().into()),
        _ => Err("body: must be text, because another JSON value does not have the bytes that were signed".into()),
    }
}

/// Writes a request as a JSON document of one line.
pub(crate) fn write(request: &Request<Bytes>, received_at: Timestamp) -> Value {
    let headers: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
        .collect();
    let mut document = json!({
        "received_at": received_at.to_string(), "method": request.method().as_str(), "url": request.uri().to_string(),
        "headers": headers,
    });
    match std::str::from_utf8(request.body()) {
        Ok(text) => document["body"] = text.into(),
        Err(_) => document["body_base64"] = BASE64.encode(request.body()).into(),
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        for body in [&b"{\"a\": 1}\n"[..], b"\xff\x00"] {
            let request =
                Request::put("/h?a=b").header("x-a", "1").header("x-a", "2").body(Bytes::from_static(body)).unwrap();
            let line = write(&request, Timestamp::from_secs(1_700_000_000)).to_string();
            let read = read(line.as_bytes()).unwrap().remove(0);
            assert_eq!((read.request.method(), read.request.uri()), (request.method(), request.uri()));
            assert_eq!((read.request.headers(), read.request.body()), (request.headers(), request.body()));
            assert_eq!(read.received_at, Some(Timestamp::from_secs(1_700_000_000)));
        }
    }

    #[test]
    fn a_har_file_and_the_event_of_a_gateway_are_read() {
        let har = json!({ "log": { "entries": [{ "startedDateTime": "2026-11-29T12:00:00.000Z", "request": {
            "method": "POST", "url": "https://a.example/h", "headers": [{ "name": "X-A", "value": "b" }, { "name": ":path", "value": "/h" }],
            "postData": { "text": "e30=", "encoding": "base64" } } }] } });
        let read_har = read(har.to_string().as_bytes()).unwrap().remove(0);
        assert_eq!((&**read_har.request.body(), read_har.request.headers().len()), (&b"{}"[..], 1));
        let gateway = json!({ "path": "/h", "headers": { "x-a": "b" }, "body": "e30=", "isBase64Encoded": true });
        assert_eq!(&**read(gateway.to_string().as_bytes()).unwrap().remove(0).request.body(), b"{}");
        assert!(read(br#"{"body": {"a": 1}}"#).unwrap_err().contains("bytes that were signed"));
    }
}
