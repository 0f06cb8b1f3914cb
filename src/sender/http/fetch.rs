//! Fetching documents, such as the public keys of providers, with the guarded client.

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};

use super::client::HttpClient;
use crate::endpoint::Target;
use crate::fetch::{Fetch, FetchError};

/// Fetches through the egress guard, within the client's time limits. A URL with `http` is refused unless the policy has
/// [`dangerous_allow_http`](crate::sender::egress::EgressPolicy::dangerous_allow_http).
#[async_trait]
impl Fetch for HttpClient {
    async fn fetch(&self, url: &str, post: Option<Bytes>, max_bytes: usize) -> Result<Bytes, FetchError> {
        let target = Target::parse(url).map_err(|_| FetchError::Refused)?;
        let (head, body) =
            self.fetch_response(request(&target, post), max_bytes).await.ok_or(FetchError::Unreachable)?;
        match head.status {
            StatusCode::OK | StatusCode::CREATED | StatusCode::ACCEPTED | StatusCode::NO_CONTENT => body,
            status => Err(FetchError::Status(status.as_u16())),
        }
    }
}

fn request(target: &Target, post: Option<Bytes>) -> Request<Bytes> {
    let method = if post.is_some() { Method::POST } else { Method::GET };
    let mut request = Request::new(post.unwrap_or_default());
    if method == Method::POST {
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    *request.method_mut() = method;
    *request.uri_mut() = target.uri().clone();
    request
}
