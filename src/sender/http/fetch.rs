//! The guarded client as what receiving fetches keys with.

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;

use super::client::HttpClient;
use crate::endpoint::Target;
use crate::fetch::{Fetch, FetchError};

/// Through the egress guard and within the budgets of the client. `http` is refused unless the egress policy dangerously
/// allows it.
#[async_trait]
impl Fetch for HttpClient {
    async fn fetch(&self, url: &str, post: Option<Bytes>, most_bytes: usize) -> Result<Bytes, FetchError> {
        let target = Target::parse(url).map_err(|_| FetchError::Refused)?;
        let (head, body) = self.ask(request(&target, post), most_bytes).await.ok_or(FetchError::Unreachable)?;
        match head.status {
            StatusCode::OK | StatusCode::CREATED | StatusCode::ACCEPTED | StatusCode::NO_CONTENT => body,
            status => Err(FetchError::Status(status.as_u16())),
        }
    }
}

fn request(target: &Target, post: Option<Bytes>) -> Request<Full<Bytes>> {
    let method = if post.is_some() { Method::POST } else { Method::GET };
    let mut request = Request::new(Full::new(post.unwrap_or_default()));
    if method == Method::POST {
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    *request.method_mut() = method;
    *request.uri_mut() = target.uri().clone();
    request
}
