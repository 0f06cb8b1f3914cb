//! A vector, whatever file contains it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hookwire::signature::Settings;
use http::Request;
use serde_json::Value;

use crate::support::vectors;

/// The time of vectors in which time plays no part.
const SOME_TIME: i64 = 1_700_000_000;

/// One published request and what is to become of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The name of our source.
    pub source: String,
    pub name: String,
    pub secrets: Vec<String>,
    pub settings: Settings,
    pub setup: bool,
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub now: i64,
    /// The word of the vector.
    pub expect: String,
    pub also: Vec<String>,
    pub optional: bool,
    pub event_id: Option<String>,
    pub event_type: Option<String>,
    /// `{status, headers, body}` of a handshake or of an answer that the provider insists on.
    pub answer: Option<Value>,
    pub capture: Option<String>,
    pub visit: Option<String>,
}

impl Case {
    pub fn request(&self) -> Request<Bytes> {
        let mut request = Request::builder().method(self.method.as_str()).uri(&self.url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(Bytes::from(self.body.clone())).unwrap()
    }

    pub fn is_accepted(&self) -> bool {
        ["ok", "handshake", "unsigned_fetch_required"].contains(&self.expect.as_str())
    }
}

/// All of them.
pub fn all() -> Vec<Case> {
    let read = |file, make: fn(&Value) -> Case| vectors(file).as_array().unwrap().iter().map(make).collect::<Vec<_>>();
    let of_a = ["providers-a.json", "own.json"].map(|file| read(file, of_file_a));
    let of_b = ["providers-b.json", "providers-d.json", "providers-e.json"].map(|file| read(file, of_file_b));
    [of_a.concat(), of_b.concat(), read("providers-c.json", of_file_c)].concat()
}

fn of_file_a(value: &Value) -> Case {
    let extra = &value["extra"];
    let mut case = common(value);
    case.source = match (case.source.as_str(), extra["scheme"].as_str()) {
        ("standard-webhooks", _) => "standard".into(),
        ("gitlab", Some("token")) => "gitlab_token".into(),
        ("hubspot", Some(version @ ("v1" | "v2"))) => format!("hubspot_{version}"),
        ("mailgun", Some("route")) => "mailgun_route".into(),
        ("postmark", Some("header")) => "postmark_header".into(),
        ("discord", Some("events")) => "discord_events".into(),
        (name, _) => name.into(),
    };
    case.secrets = texts(&extra["secrets"]).unwrap_or(case.secrets);
    if ["twilio", "square", "hubspot", "hubspot_v2"].contains(&case.source.as_str()) {
        let host_end = case.url.find("://").and_then(|at| case.url[at + 3..].find('/').map(|end| at + 3 + end));
        let origin = &case.url[..host_end.unwrap_or(case.url.len())];
        case.settings = case.settings.with("url", origin);
    }
    for (key, setting) in [("verify_token", "verify_token"), ("header_name", "header")] {
        if let Some(text) = extra[key].as_str() {
            case.settings = case.settings.with(setting, text);
        }
    }
    case.also = texts(&extra["also_acceptable"]).unwrap_or_default();
    case.optional = extra["optional"] == true;
    case.answer = Some(extra["handshake_reply"].clone()).filter(Value::is_object);
    if let Some(status) = extra["handshake_status"].as_u64() {
        case.answer = Some(serde_json::json!({ "status": status }));
    }
    case
}

fn of_file_b(value: &Value) -> Case {
    let mut case = common(value);
    case.secrets = texts(&value["secrets"]).unwrap_or(case.secrets);
    for (name, param) in value["params"].as_object().into_iter().flatten() {
        match param {
            Value::Bool(yes) if name == "setup_mode" => case.setup = *yes,
            Value::String(text) => case.settings = case.settings.with(name, text),
            Value::Array(values) if values.iter().all(Value::is_string) => {
                for text in texts(param).unwrap_or_default() {
                    case.settings = case.settings.with(name, text);
                }
                assert!(!values.is_empty());
            }
            other => case.settings = case.settings.with(name, other.to_string()),
        }
    }
    case.answer = Some(value["expect_response"].clone()).filter(Value::is_object);
    case.capture = value["capture"].as_object().and_then(|keys| keys.values().next()?.as_str().map(Into::into));
    case.visit = value["action"]["get"].as_str().map(Into::into);
    case
}

/// Made by the providers' own SDKs. A disagreement that is known is the other side's.
fn of_file_c(value: &Value) -> Case {
    let mut case = of_file_b(value);
    case.optional = value["extra"]["optional"] == true;
    if case.optional {
        // Its retries are said to carry the first attempt's time, which nobody documents.
        case.also.push("timestamp_out_of_tolerance".into());
    }
    match (case.source.as_str(), case.name.as_str()) {
        // The file has none because its reader took JSON Lines for one event, and a form for no JSON.
        ("auth0", "json_lines_two") => (case.event_id, case.event_type) = (Some("1".into()), Some("s".into())),
        ("slack", "interactivity") => case.event_type = Some("block_actions".into()),
        _ => {}
    }
    case
}

fn common(value: &Value) -> Case {
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let headers = value["headers"].as_object().unwrap().iter();
    Case {
        source: text("provider"),
        name: text("name"),
        secrets: Some(text("secret")).into_iter().filter(|secret| !secret.is_empty()).collect(),
        settings: Settings::default(),
        setup: false,
        method: text("method"),
        url: text("url"),
        headers: headers.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect(),
        body: BASE64.decode(text("body_base64")).unwrap(),
        now: value["now_unix"].as_i64().unwrap_or(SOME_TIME),
        expect: text("expect"),
        also: Vec::new(),
        optional: false,
        event_id: value["event_id"].as_str().map(Into::into),
        event_type: value["event_type"].as_str().map(Into::into),
        answer: None,
        capture: None,
        visit: None,
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array().map(|list| list.iter().map(|text| text.as_str().unwrap().to_owned()).collect())
}
