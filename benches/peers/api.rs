//! A small HTTP client for the servers: JSON requests with a bearer token.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::problem::Problem;

/// A request that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(30);

const MAX_ANSWER: usize = 4 * 1_024 * 1_024;

/// A request to a server.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Starts with a slash.
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
}

impl Call {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: None }
    }

    pub(crate) fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::POST, path: path.into(), body: Some(body) }
    }

    pub(crate) fn put(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::PUT, path: path.into(), body: Some(body) }
    }
}

/// The API of a server.
#[derive(Debug)]
pub(crate) struct Api {
    client: Client<HttpConnector, Full<Bytes>>,
    address: String,
    authorization: HeaderValue,
}

impl Api {
    pub(crate) fn new(address: String, token: &str) -> Result<Self, Problem> {
        let wrong =
            |_| Problem::new("PEERS_TOKEN contains a character that a header cannot hold; set it to the token alone");
        let mut authorization = HeaderValue::from_str(&format!("Bearer {token}")).map_err(wrong)?;
        authorization.set_sensitive(true);
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector), address, authorization })
    }

    /// Sends a request. An answer without a 2xx status is a problem.
    pub(crate) async fn send(&self, call: Call) -> Result<Bytes, Problem> {
        let what = format!("{} {}", call.method, call.path);
        let done = tokio::time::timeout(LIMIT, self.exchange(call)).await;
        let done = done.unwrap_or_else(|_| Err(format!("no answer after {} s", LIMIT.as_secs())));
        let (status, body) = done.map_err(|error| Problem::new(format!("{what}: {error}")))?;
        if !status.is_success() {
            let text = String::from_utf8_lossy(&body);
            let start: String = text.chars().take(300).collect();
            return Err(Problem::new(format!("{what}: the server answered {status}: {start}")));
        }
        Ok(body)
    }

    async fn exchange(&self, call: Call) -> Result<(StatusCode, Bytes), String> {
        let mut request = Request::builder().method(call.method).uri(format!("{}{}", self.address, call.path));
        request = request.header(AUTHORIZATION, &self.authorization);
        if call.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = call.body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let request = request.body(Full::new(body)).map_err(|error| error.to_string())?;
        let response = self.client.request(request).await.map_err(|error| with_causes(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await.map_err(|error| error.to_string())?;
        Ok((status, body.to_bytes()))
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
