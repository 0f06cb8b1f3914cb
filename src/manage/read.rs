//! Reads requests: bodies, parameters, preconditions. A problem names what is invalid.

use std::str::FromStr;

use axum::body::{HttpBody as _, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, ETAG, IF_MATCH};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use super::problem::{Code, Problem};
use super::state::Manage;

/// A JSON body.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Manage> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, manage: &Manage) -> Result<Self, Problem> {
        read_json(request, manage.shared.body_bytes).await.map(Self)
    }
}

/// A JSON body that may be left out.
pub(super) struct MaybeBody<T>(pub(super) T);

impl<T: DeserializeOwned + Default> FromRequest<Manage> for MaybeBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, manage: &Manage) -> Result<Self, Problem> {
        if request.body().is_end_stream() {
            return Ok(Self(T::default()));
        }
        read_json(request, manage.shared.body_bytes).await.map(Self)
    }
}

async fn read_json<T: DeserializeOwned>(request: Request, limit: usize) -> Result<T, Problem> {
    check_media_type(request.headers())?;
    let bytes = to_bytes(request.into_body(), limit).await;
    let bytes = bytes.map_err(|_| Problem::new(Code::PayloadTooLarge, format!("must be at most {limit} bytes")))?;
    let mut json = serde_json::Deserializer::from_slice(&bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        let code = if error.is_data() { Code::Invalid } else { Code::Malformed };
        if path == "." { Problem::new(code, error) } else { Problem::of_field(code, &path, error) }
    })?;
    json.end().map_err(|error| Problem::new(Code::Malformed, error))?;
    Ok(value)
}

/// Whether the content type is JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    let known = ["application/json", "application/merge-patch+json"];
    known.iter().any(|known| essence.eq_ignore_ascii_case(known))
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    if is_json(headers) {
        Ok(())
    } else {
        Err(Problem::new(Code::UnsupportedMediaType, "the body must be application/json"))
    }
}

/// Query parameters.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Manage> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Manage) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::try_from_uri(&parts.uri) {
            Ok(query) => Ok(Self(query.0)),
            Err(rejection) => Err(named(&rejection)),
        }
    }
}

/// The field in the text of a rejection, which is `…: field: detail`.
fn named(rejection: &QueryRejection) -> Problem {
    let text = rejection.body_text();
    let said = text.split_once(": ").map_or(text.as_str(), |(_, said)| said);
    match said.split_once(": ") {
        Some((field, detail)) => Problem::invalid(field, detail),
        None => Problem::new(Code::Invalid, said),
    }
}

/// The id in the path. A malformed id is treated as one that does not exist.
pub(super) struct Id<T>(pub(super) T);

impl<T: FromStr> FromRequestParts<Manage> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, manage: &Manage) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, manage).await;
        let id = path.ok().and_then(|Path(text)| text.parse().ok());
        id.map(Self).ok_or_else(Problem::not_found)
    }
}

/// A version that no endpoint has: versions begin at 1.
const NO_VERSION: u64 = 0;

/// The version in `If-Match` (RFC 9110 section 13.1.1); `None` if every version is accepted. A text that is not one of our tags
/// matches no version, and neither does a list of several tags.
pub(super) fn if_match(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(IF_MATCH)?.to_str().unwrap_or_default().trim();
    if text == "*" {
        return None;
    }
    let version = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
    Some(version.unwrap_or(NO_VERSION))
}

/// Adds the `ETag` of this version to a response.
pub(super) fn tagged(version: u64, response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    if let Ok(tag) = format!("\"{version}\"").parse() {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// Reads a member that may be absent, null or present.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(json: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(json).map(Some)
}

/// Parses the text of a member or parameter.
pub(super) fn parse<T: FromStr<Err: std::fmt::Display>>(field: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error| Problem::invalid(field, error))
}

/// Like [`parse`], for a member that may be absent.
pub(super) fn maybe<T: FromStr<Err: std::fmt::Display>>(field: &str, text: Option<&str>) -> Result<Option<T>, Problem> {
    text.map(|text| parse(field, text)).transpose()
}

/// Parses a parameter whose values are the serde names of a type.
pub(super) fn word<T: DeserializeOwned>(field: &str, text: &str) -> Result<T, Problem> {
    serde_json::from_value(text.into()).map_err(|error| Problem::invalid(field, error))
}

/// The serde name of a value.
pub(super) fn name_of(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().map(String::from).unwrap_or_default()
}
