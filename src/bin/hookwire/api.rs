//! A sender's management API, over HTTP or on a store file in this process. Both use the same JSON.

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use hookwire::manage::Manage;
use hookwire::sender::{Scope, Sender};
use hookwire::store::SqliteStore;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response};
use serde_json::Value;
use tower_service::Service as _;

use super::args::SenderAccess;
use super::client;
use super::failure::Failure;

/// The longest document that is read, in bytes.
const MAX_DOCUMENT: usize = 16 << 20;

#[derive(Debug)]
pub(crate) enum Api {
    Remote { base: String, token: Option<String> },
    Local(Router),
}

impl Api {
    pub(crate) async fn open(access: &SenderAccess) -> Result<Self, Failure> {
        if let Some(api) = &access.api {
            return Ok(Self::Remote { base: api.trim_end_matches('/').to_owned(), token: access.token.clone() });
        }
        let file = access
            .store
            .as_ref()
            .ok_or_else(|| Failure::new("set the API with --api URL, or a store with --store FILE"))?;
        if !file.exists() {
            return Err(Failure::new(format!("--store {}: there is no such file", file.display())));
        }
        let sender = Sender::builder(SqliteStore::open(file).await?).build()?;
        Ok(Self::Local(Manage::new(sender).router()))
    }

    /// Sends a request to a path below the API and reads the document of the response.
    pub(crate) async fn call(&mut self, method: Method, path: &str) -> Result<Value, Failure> {
        self.exchange(method, path, Bytes::new()).await
    }

    /// Like [`call`](Self::call), with a document as the body of a `POST`.
    pub(crate) async fn post(&mut self, path: &str, document: &Value) -> Result<Value, Failure> {
        self.exchange(Method::POST, path, document.to_string().into()).await
    }

    async fn exchange(&mut self, method: Method, path: &str, body: Bytes) -> Result<Value, Failure> {
        let mut request = Request::builder().method(method).uri(path).header(ACCEPT, "application/json");
        request = request.header(CONTENT_TYPE, "application/json").header("x-requested-with", "hookwire");
        let request = request.body(body)?;
        let response = match self {
            Self::Remote { base, token } => remote(base, token.as_deref(), request).await?,
            Self::Local(router) => local(router, request).await?,
        };
        let status = response.status();
        let document: Value = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(document);
        }
        let detail = document["detail"].as_str().or_else(|| document["title"].as_str()).unwrap_or_default();
        let field = document["field"].as_str().map_or_else(String::new, |field| format!("{field}: "));
        Err(Failure::new(format!("{path}: the API answered {status}: {field}{detail}")))
    }
}

async fn remote(base: &str, token: Option<&str>, mut request: Request<Bytes>) -> Result<Response<Bytes>, Failure> {
    let path = request.uri().to_string();
    *request.uri_mut() = format!("{base}{path}").parse()?;
    if let Some(token) = token {
        request.headers_mut().insert(AUTHORIZATION, HeaderValue::try_from(format!("Bearer {token}"))?);
    }
    client::exchange(request).await
}

async fn local(router: &mut Router, mut request: Request<Bytes>) -> Result<Response<Bytes>, Failure> {
    request.extensions_mut().insert(Scope::operator());
    let response = router.call(request.map(Body::from)).await?;
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, MAX_DOCUMENT).await.map_err(|error| Failure::new(error.to_string()))?;
    Ok(Response::from_parts(parts, body))
}
