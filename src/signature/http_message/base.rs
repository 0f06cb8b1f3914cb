//! The signature base (RFC 9421 section 2).

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, Uri};
use sfv::{BareItem, FieldType as _, InnerList, Item, ListEntry};

use super::base_error::{BaseError, MAX_COMPONENTS};
use super::message::Message;
use super::parts::Parts;

/// Returns the text that is signed: a line for each component, and a line with the parameters.
///
/// # Errors
/// Returns an error that names the invalid component.
pub fn signature_base(message: &Message<'_>, input: &InnerList) -> Result<String, BaseError> {
    base_of(&mut Parts::of(*message), input)
}

/// The same, with the parts of a message that has several signatures.
pub(super) fn base_of(parts: &mut Parts<'_>, input: &InnerList) -> Result<String, BaseError> {
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
        let value = value(parts, item, &identifier)?;
        parts.write(identifier.len() + value.len())?;
        if !value.is_ascii() || value.contains(['\n', '\r', '\0']) {
            return Err(BaseError::Value(identifier));
        }
        let _infallible = writeln!(base, "{identifier}: {value}");
    }
    let parameters = parameters(input);
    parts.write(parameters.len())?;
    let _infallible = write!(base, "\"@signature-params\": {parameters}");
    Ok(base)
}

/// The inner list as it is written in `Signature-Input`.
pub(super) fn parameters(input: &InnerList) -> String {
    vec![ListEntry::InnerList(input.clone())].serialize().unwrap_or_default()
}

/// The component's name with its parameters, in their order.
fn identifier(item: &Item) -> String {
    item.serialize()
}

/// The same with sorted parameters, because the order of the parameters does not make a different component.
fn canonical(item: &Item) -> String {
    let mut parameters: Vec<_> = item.params.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    parameters.sort_unstable();
    format!("{:?};{}", item.bare_item, parameters.join(";"))
}

fn value<'a>(parts: &mut Parts<'a>, item: &Item, identifier: &str) -> Result<Cow<'a, str>, BaseError> {
    let unknown = || BaseError::Unknown(identifier.to_owned());
    let name = item.bare_item.as_string().ok_or_else(unknown)?.as_str();
    if name.starts_with('@') {
        return derived(parts, item, name, identifier);
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
    if bs.is_some() {
        let encoded = parts.lines(name, identifier)?.iter().map(|line| format!(":{}:", BASE64.encode(line)));
        return Ok(Cow::Owned(encoded.collect::<Vec<_>>().join(", ")));
    }
    match key {
        Some(key) => parts.member(name, &key.ok_or_else(unknown)?, identifier).map(Cow::Owned),
        None if sf.is_some() => parts.structured(name, identifier).map(Cow::Owned),
        None => Ok(Cow::Owned(parts.lines(name, identifier)?.join(", "))),
    }
}

fn derived<'a>(parts: &mut Parts<'a>, item: &Item, name: &str, identifier: &str) -> Result<Cow<'a, str>, BaseError> {
    let unknown = || BaseError::Unknown(identifier.to_owned());
    let absent = || BaseError::Absent(identifier.to_owned());
    if name == "@query-param" {
        let wanted = item.params.get("name").and_then(BareItem::as_string).filter(|_| item.params.len() == 1);
        return parts.query_parameter(wanted.ok_or_else(unknown)?.as_str(), identifier).map(Cow::Owned);
    }
    if !item.params.is_empty() {
        return Err(unknown());
    }
    let (method, uri, origin, headers) = match parts.message() {
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
            // The authority is as the sender wrote it, because the target is not normalised.
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

/// The authority in lower case, without the default port of the scheme (section 2.2.3).
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
