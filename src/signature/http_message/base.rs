//! The signature base (RFC 9421 section 2).

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, Method, StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sfv::{BareItem, Dictionary, FieldType as _, InnerList, Item, List, ListEntry, Parser};

/// Most components that a signature may cover.
pub(super) const MAX_COMPONENTS: usize = 64;

/// A message whose parts can be signed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Message<'a> {
    /// A request.
    Request {
        /// Its method.
        method: &'a Method,
        /// Its target; of a server, often the path and query alone.
        uri: &'a Uri,
        /// Scheme and authority as the sender has them: `https://example.com`. Never taken from `Host` or
        /// `X-Forwarded-*` where it matters.
        origin: Option<&'a str>,
        /// Its headers.
        headers: &'a HeaderMap,
    },
    /// An answer.
    Response {
        /// Its status.
        status: StatusCode,
        /// Its headers.
        headers: &'a HeaderMap,
    },
}

/// A signature base cannot be made of a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BaseError {
    /// A component that the message does not have.
    #[error("component {0}: is not in the message")]
    Absent(String),
    /// A component, or a parameter of one, that is not known or not allowed here.
    #[error("component {0}: is unknown, or may not be covered so")]
    Unknown(String),
    /// A component stands twice.
    #[error("component {0}: stands twice")]
    Twice(String),
    /// A value that is not what the component wants: not ASCII, a line break, no structured field.
    #[error("component {0}: has a value that cannot be signed")]
    Value(String),
    /// More components than are taken.
    #[error("components: are more than {MAX_COMPONENTS}")]
    TooMany,
}

/// What is signed: a line for each component, and the parameters.
///
/// # Errors
/// Says which component does not fit.
pub fn signature_base(message: &Message<'_>, input: &InnerList) -> Result<String, BaseError> {
    if input.items.len() > MAX_COMPONENTS {
        return Err(BaseError::TooMany);
    }
    let mut base = String::with_capacity(512);
    let mut seen = HashSet::with_capacity(input.items.len());
    for item in &input.items {
        let identifier = identifier(item);
        if !seen.insert(canonical(item)) {
            return Err(BaseError::Twice(identifier));
        }
        let value = value(message, item, &identifier)?;
        if !value.is_ascii() || value.contains(['\n', '\r', '\0']) {
            return Err(BaseError::Value(identifier));
        }
        let _infallible = writeln!(base, "{identifier}: {value}");
    }
    let _infallible = write!(base, "\"@signature-params\": {}", parameters(input));
    Ok(base)
}

/// The inner list as it stands in `Signature-Input`.
pub(super) fn parameters(input: &InnerList) -> String {
    vec![ListEntry::InnerList(input.clone())].serialize().unwrap_or_default()
}

/// The component's name with its parameters, in their order.
fn identifier(item: &Item) -> String {
    item.serialize()
}

/// The same with the parameters sorted: their order makes no other component.
fn canonical(item: &Item) -> String {
    let mut parameters: Vec<_> = item.params.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    parameters.sort_unstable();
    format!("{:?};{}", item.bare_item, parameters.join(";"))
}

fn value<'a>(message: &Message<'a>, item: &Item, identifier: &str) -> Result<Cow<'a, str>, BaseError> {
    let unknown = || BaseError::Unknown(identifier.to_owned());
    let name = item.bare_item.as_string().ok_or_else(unknown)?.as_str();
    if name.starts_with('@') {
        return derived(message, item, name, identifier);
    }
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(unknown());
    }
    let flag = |parameter: &str| item.params.get(parameter).map(|value| value.as_boolean() == Some(true));
    let key = item.params.get("key").map(|key| key.as_string().map(|key| key.as_str().to_owned()));
    let known = item.params.keys().all(|parameter| matches!(parameter.as_str(), "sf" | "bs" | "key"));
    let (sf, bs) = (flag("sf"), flag("bs"));
    if !known || sf == Some(false) || bs == Some(false) || (bs.is_some() && (sf.is_some() || key.is_some())) {
        return Err(unknown());
    }
    let lines = lines(message.headers(), name, identifier)?;
    if bs.is_some() {
        let encoded: Vec<_> = lines.iter().map(|line| format!(":{}:", BASE64.encode(line))).collect();
        return Ok(Cow::Owned(encoded.join(", ")));
    }
    let joined = lines.join(", ");
    match key {
        Some(key) => member(&joined, &key.ok_or_else(unknown)?, identifier).map(Cow::Owned),
        None if sf.is_some() => structured(&joined, identifier).map(Cow::Owned),
        None => Ok(Cow::Owned(joined)),
    }
}

/// The lines of a field, trimmed, with folded lines unfolded.
fn lines(headers: &HeaderMap, name: &str, identifier: &str) -> Result<Vec<String>, BaseError> {
    let mut lines = Vec::new();
    for value in headers.get_all(name) {
        let text = value.to_str().map_err(|_| BaseError::Value(identifier.to_owned()))?;
        let unfolded: Vec<_> = text.split("\r\n").map(str::trim).collect();
        lines.push(unfolded.join(" ").trim().to_owned());
    }
    if lines.is_empty() { Err(BaseError::Absent(identifier.to_owned())) } else { Ok(lines) }
}

/// One member of a dictionary.
fn member(text: &str, key: &str, identifier: &str) -> Result<String, BaseError> {
    let dictionary: Dictionary = Parser::new(text).parse().map_err(|_| BaseError::Value(identifier.to_owned()))?;
    let entry = dictionary.get(key).ok_or_else(|| BaseError::Absent(identifier.to_owned()))?;
    Ok(vec![entry.clone()].serialize().unwrap_or_default())
}

/// A structured field of whichever type it is, written anew. Which type a field has is not known to everybody; a dictionary
/// is tried first, as in the RFC's own example.
fn structured(text: &str, identifier: &str) -> Result<String, BaseError> {
    if let Ok(dictionary) = Parser::new(text).parse::<Dictionary>() {
        return dictionary.serialize().ok_or_else(|| BaseError::Value(identifier.to_owned()));
    }
    if let Ok(item) = Parser::new(text).parse::<Item>() {
        return Ok(item.serialize());
    }
    let list = Parser::new(text).parse::<List>().ok().and_then(|list| list.serialize());
    list.ok_or_else(|| BaseError::Value(identifier.to_owned()))
}

impl<'a> Message<'a> {
    /// A request; `origin` is scheme and authority as the sender has them.
    #[must_use]
    pub const fn request(method: &'a Method, uri: &'a Uri, origin: Option<&'a str>, headers: &'a HeaderMap) -> Self {
        Self::Request { method, uri, origin, headers }
    }

    /// An answer.
    #[must_use]
    pub const fn response(status: StatusCode, headers: &'a HeaderMap) -> Self {
        Self::Response { status, headers }
    }

    const fn headers(&self) -> &'a HeaderMap {
        match self {
            Self::Request { headers, .. } | Self::Response { headers, .. } => headers,
        }
    }
}

fn derived<'a>(message: &Message<'a>, item: &Item, name: &str, identifier: &str) -> Result<Cow<'a, str>, BaseError> {
    let unknown = || BaseError::Unknown(identifier.to_owned());
    let absent = || BaseError::Absent(identifier.to_owned());
    if name == "@query-param" {
        return query_parameter(message, item, identifier).map(Cow::Owned);
    }
    if !item.params.is_empty() {
        return Err(unknown());
    }
    let (method, uri, origin, headers) = match *message {
        Message::Response { status, .. } if name == "@status" => return Ok(Cow::Owned(status.as_u16().to_string())),
        Message::Response { .. } => return Err(unknown()),
        Message::Request { method, uri, origin, headers } => (method, uri, origin, headers),
    };
    let target = || uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    match name {
        "@method" => Ok(Cow::Borrowed(method.as_str())),
        "@path" => Ok(Cow::Borrowed(if uri.path().is_empty() { "/" } else { uri.path() })),
        "@query" => Ok(Cow::Owned(format!("?{}", uri.query().unwrap_or_default()))),
        "@request-target" => Ok(Cow::Borrowed(target())),
        "@authority" => authority(uri, origin, headers).map(Cow::Owned).ok_or_else(absent),
        "@scheme" => scheme(uri, origin).map(Cow::Owned).ok_or_else(absent),
        "@target-uri" => {
            let scheme = scheme(uri, origin).ok_or_else(absent)?;
            // With the authority as the sender wrote it: the target is not normalised.
            let written =
                origin.and_then(|origin| origin.split_once("://")).map(|(_, rest)| rest.trim_end_matches('/'));
            let authority = written.map(ToOwned::to_owned).or_else(|| uri.authority().map(ToString::to_string));
            let authority = authority.or_else(|| host(headers)).ok_or_else(absent)?;
            Ok(Cow::Owned(format!("{scheme}://{authority}{}", target())))
        }
        _ => Err(unknown()),
    }
}

fn scheme(uri: &Uri, origin: Option<&str>) -> Option<String> {
    let configured = origin.and_then(|origin| origin.split_once("://")).map(|(scheme, _)| scheme.to_ascii_lowercase());
    configured.or_else(|| uri.scheme_str().map(str::to_ascii_lowercase))
}

fn host(headers: &HeaderMap) -> Option<String> {
    let mut hosts = headers.get_all(http::header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?.trim().to_owned();
    if hosts.next().is_some() { None } else { Some(host) }
}

/// In lower case and without the port that the scheme has anyway (section 2.2.3).
fn authority(uri: &Uri, origin: Option<&str>, headers: &HeaderMap) -> Option<String> {
    let configured = origin.and_then(|origin| origin.split_once("://")).map(|(_, rest)| rest.trim_end_matches('/'));
    let written = configured.map(ToOwned::to_owned);
    let written = written.or_else(|| uri.authority().map(|authority| authority.as_str().to_owned()));
    let authority = written.or_else(|| host(headers))?.to_ascii_lowercase();
    let default = match scheme(uri, origin).as_deref() {
        Some("http") => ":80",
        _ => ":443",
    };
    Some(authority.strip_suffix(default).map_or(authority.clone(), ToOwned::to_owned))
}

/// A parameter of the query, decoded and encoded anew (section 2.2.8).
fn query_parameter(message: &Message<'_>, item: &Item, identifier: &str) -> Result<String, BaseError> {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');
    let unknown = || BaseError::Unknown(identifier.to_owned());
    let Message::Request { uri, .. } = message else { return Err(unknown()) };
    let name = item.params.get("name").and_then(BareItem::as_string).filter(|_| item.params.len() == 1);
    let name = name.ok_or_else(unknown)?.as_str();
    let encode = |text: &str| utf8_percent_encode(text, KEPT).to_string();
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let mut values = pairs.filter(|(key, _)| encode(key) == name).map(|(_, value)| encode(&value));
    let value = values.next().ok_or_else(|| BaseError::Absent(identifier.to_owned()))?;
    // One that stands twice cannot be told apart by this component.
    if values.next().is_some() { Err(BaseError::Twice(identifier.to_owned())) } else { Ok(value) }
}
