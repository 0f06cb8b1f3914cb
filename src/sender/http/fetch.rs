//! The guarded client as what receiving fetches keys with.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};

use super::client::HttpClient;
use crate::endpoint::Target;
use crate::fetch::{Fetch, FetchError};

/// Through the egress guard and within the budgets of the client. `http` is refused unless the egress policy dangerously
/// allows it.
#[async_trait]
impl Fetch for HttpClient {
    async fn fetch(&self, url: &str, post: Option<Bytes>, most_bytes: usize) -> Result<Bytes, FetchError> {
        let target = Target::parse(url).map_err(|_| FetchError::Refused)?;
        let exchange = async {
            let answer = self.ask(request(&target, post)).await.ok_or(FetchError::Unreachable)?;
            match answer.status() {
                StatusCode::OK | StatusCode::CREATED | StatusCode::ACCEPTED | StatusCode::NO_CONTENT => {
                    read(answer.into_body(), most_bytes).await
                }
                status => Err(FetchError::Status(status.as_u16())),
            }
        };
        tokio::time::timeout(self.exchange_timeout(), exchange).await.unwrap_or(Err(FetchError::Unreachable))
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

async fn read(mut body: Incoming, most_bytes: usize) -> Result<Bytes, FetchError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut read = BytesMut::new();
    if announced > most_bytes {
        return Err(FetchError::TooLong);
    }
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| FetchError::Unreachable)?;
        let Some(data) = frame.data_ref() else { continue };
        if data.len() > most_bytes - read.len() {
            return Err(FetchError::TooLong);
        }
        read.extend_from_slice(data);
    }
    Ok(read.freeze())
}
