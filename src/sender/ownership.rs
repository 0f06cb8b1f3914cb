//! Whose endpoint it is: nothing is delivered to a target before its owner has said that it may be.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::Full;

use super::Shared;
use super::endpoints::EndpointError;
use crate::endpoint::Endpoint;
use crate::entropy;
use crate::id::{EventId, Tenant};
use crate::signature::{Outgoing, same};

/// Most of an answer that is read.
const MAX_ANSWER_BYTES: usize = 4 * 1024;

/// How the owner of a new target is asked. Chosen for each tenant: [`SenderBuilder::ownership`].
///
/// [`SenderBuilder::ownership`]: super::SenderBuilder::ownership
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ownership {
    /// Not at all.
    #[default]
    NotAsked,
    /// By a signed POST of `{"type":"hookwire.verification","challenge":"…"}`. The answer must be a success whose body is the
    /// challenge, or a JSON object with it under `challenge`.
    Echo,
    /// As [`Echo`](Self::Echo), with this text as the `type`: for protocols that have named theirs.
    EchoAs(Cow<'static, str>),
    /// By an `OPTIONS` request with `WebHook-Request-Origin`, as CloudEvents has it (HTTP 1.1 Web Hooks for Event Delivery 1.0.2,
    /// section 4): the answer must allow this origin, or any, in `WebHook-Allowed-Origin`.
    CloudEvents {
        /// Who asks: a DNS name.
        origin: String,
    },
    /// Out of band: somebody says yes for it, [`Endpoints::vouch`](super::Endpoints::vouch).
    OutOfBand,
}

type Choose = Arc<dyn Fn(&Tenant) -> Ownership + Send + Sync>;

/// Which tenants' owners are asked, and how.
#[derive(Clone)]
pub(super) struct OwnershipPolicy(Choose);

impl OwnershipPolicy {
    pub(super) fn new(choose: impl Fn(&Tenant) -> Ownership + Send + Sync + 'static) -> Self {
        Self(Arc::new(choose))
    }

    pub(super) fn of(&self, tenant: &Tenant) -> Ownership {
        (self.0)(tenant)
    }
}

impl fmt::Debug for OwnershipPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnershipPolicy")
    }
}

/// Asks the target; whether its owner agrees.
pub(super) async fn ask(shared: &Shared, endpoint: &Endpoint, how: &Ownership) -> Result<bool, EndpointError> {
    match how {
        Ownership::NotAsked => Ok(true),
        Ownership::OutOfBand => Ok(false),
        Ownership::Echo => echo(shared, endpoint, "hookwire.verification").await,
        Ownership::EchoAs(kind) => echo(shared, endpoint, kind).await,
        Ownership::CloudEvents { origin } => options(shared, endpoint, origin).await,
    }
}

async fn echo(shared: &Shared, endpoint: &Endpoint, kind: &str) -> Result<bool, EndpointError> {
    let mut chance = [0; 32];
    entropy::fill(&mut chance)?;
    let challenge = hex::encode(chance);
    let body = serde_json::json!({ "type": kind, "challenge": challenge }).to_string();
    let mut request = Request::new(Full::new(Bytes::from(body.clone())));
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
    let right = |text: &str| same(&challenge, text);
    let said = |json: serde_json::Value| json.get("challenge").and_then(|text| text.as_str()).is_some_and(right);
    let plain = std::str::from_utf8(&answer).is_ok_and(|text| right(text.trim_ascii()));
    Ok(plain || serde_json::from_slice(&answer).is_ok_and(said))
}

async fn options(shared: &Shared, endpoint: &Endpoint, origin: &str) -> Result<bool, EndpointError> {
    let Ok(value) = HeaderValue::from_str(origin) else { return Ok(false) };
    let mut request = Request::new(Full::default());
    *request.method_mut() = Method::OPTIONS;
    *request.uri_mut() = endpoint.target.uri().clone();
    request.headers_mut().insert("webhook-request-origin", value);
    endpoint.headers.apply(request.headers_mut());
    let Some((headers, _)) = exchange(shared, request).await else { return Ok(false) };
    let allowed = headers.get("webhook-allowed-origin").map(HeaderValue::as_bytes).unwrap_or_default();
    Ok(allowed == b"*" || allowed.eq_ignore_ascii_case(origin.as_bytes()))
}

/// One exchange through the guard; `None` unless it was a success, in time, with a short answer.
async fn exchange(shared: &Shared, request: Request<Full<Bytes>>) -> Option<(HeaderMap, Bytes)> {
    let (head, body) = shared.client.ask(request, MAX_ANSWER_BYTES).await?;
    if head.status.is_success() { body.ok().map(|body| (head.headers, body)) } else { None }
}
