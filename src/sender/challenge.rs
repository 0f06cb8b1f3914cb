//! Asks the owner of a target to agree to deliveries.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request};

use super::error::EndpointError;
use super::handle::Shared;
use super::ownership::Ownership;
use crate::endpoint::Endpoint;
use crate::entropy;
use crate::id::EventId;
use crate::secret::KeyError;
use crate::signature::Outgoing;
use crate::signature::compare::same;

/// The number of bytes of a response that are read.
const MAX_ANSWER_BYTES: usize = 4 * 1024;

/// Asks the target. Returns whether its owner agrees.
pub(super) async fn ask_owner(
    shared: &Shared,
    endpoint: &Endpoint,
    ownership: &Ownership,
) -> Result<bool, EndpointError> {
    match ownership {
        Ownership::NotAsked => Ok(true),
        Ownership::OutOfBand => Ok(false),
        Ownership::Echo => echo(shared, endpoint, "hookwire.verification").await,
        Ownership::EchoAs(kind) => echo(shared, endpoint, kind).await,
        Ownership::CloudEvents { origin } => options(shared, endpoint, origin).await,
    }
}

async fn echo(shared: &Shared, endpoint: &Endpoint, kind: &str) -> Result<bool, EndpointError> {
    let mut random = [0; 32];
    entropy::fill(&mut random).map_err(|_| KeyError::NoEntropy)?;
    let challenge = hex::encode(random);
    let body = serde_json::json!({ "type": kind, "challenge": challenge }).to_string();
    let mut request = Request::new(Bytes::from(body.clone()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = endpoint.target.uri().clone();
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    endpoint.headers.apply(request.headers_mut());
    let timestamp = shared.clock.now();
    let id = EventId::generate(timestamp).as_str().replacen("evt_", "msg_verification_", 1);
    let uri = endpoint.target.uri();
    let outgoing = Outgoing { method: &Method::POST, uri, id: &id, timestamp, body: body.as_bytes() };
    shared.signers.sign(endpoint, &outgoing, request.headers_mut()).map_err(|_| EndpointError::UnknownScheme)?;
    let Some((_, answer)) = exchange(shared, request).await else { return Ok(false) };
    let is_challenge = |text: &str| same(&challenge, text);
    let in_member =
        |json: serde_json::Value| json.get("challenge").and_then(|text| text.as_str()).is_some_and(is_challenge);
    let as_text = std::str::from_utf8(&answer).is_ok_and(|text| is_challenge(text.trim_ascii()));
    Ok(as_text || serde_json::from_slice(&answer).is_ok_and(in_member))
}

async fn options(shared: &Shared, endpoint: &Endpoint, origin: &str) -> Result<bool, EndpointError> {
    let Ok(value) = HeaderValue::from_str(origin) else { return Ok(false) };
    let mut request = Request::new(Bytes::new());
    *request.method_mut() = Method::OPTIONS;
    *request.uri_mut() = endpoint.target.uri().clone();
    request.headers_mut().insert("webhook-request-origin", value);
    endpoint.headers.apply(request.headers_mut());
    let Some((headers, _)) = exchange(shared, request).await else { return Ok(false) };
    let allowed = headers.get("webhook-allowed-origin").map(HeaderValue::as_bytes).unwrap_or_default();
    Ok(allowed == b"*" || allowed.eq_ignore_ascii_case(origin.as_bytes()))
}

/// Makes one exchange through the egress guard. Returns `None` unless a successful response with a short body arrives in time.
async fn exchange(shared: &Shared, request: Request<Bytes>) -> Option<(HeaderMap, Bytes)> {
    let (head, body) = shared.client.fetch_response(request, MAX_ANSWER_BYTES).await?;
    if head.status.is_success() { body.ok().map(|body| (head.headers, body)) } else { None }
}
