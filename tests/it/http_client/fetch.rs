//! Fetching keys and confirmations of providers with the HTTP client.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookwire::clock::SystemClock;
use hookwire::fetch::{Fetch as _, FetchError};
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::http::{HttpClient, HttpOptions};
use hookwire::testing::endpoint::{Behaviour, ScriptedEndpoint};

use crate::support::server::{Reply, Server};

const MAX_BYTES: usize = 1_024;

fn client(egress: EgressPolicy, timeout: Duration) -> HttpClient {
    HttpClient::new(HttpOptions::default().exchange_timeout(timeout).egress(egress), Arc::new(SystemClock)).unwrap()
}

fn permissive_client() -> HttpClient {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    client(egress, Duration::from_secs(30))
}

#[tokio::test]
async fn a_fetch_returns_the_whole_body_and_can_post_json() {
    let server = Server::start(|_| Reply::status(200).body("the keys")).await;
    assert_eq!(permissive_client().fetch(&server.url("/keys"), None, 8).await, Ok(Bytes::from_static(b"the keys")));
    let json = Bytes::from_static(b"{\"key_id\":\"a\"}");
    assert!(permissive_client().fetch(&server.url("/keys"), Some(json.clone()), MAX_BYTES).await.is_ok());
    let requests = server.requests();
    assert_eq!((requests[0].method.as_str(), requests[1].method.as_str()), ("GET", "POST"));
    assert_eq!(requests[1].headers["content-type"], "application/json");
    assert_eq!(requests[1].body, json);
}

#[tokio::test]
async fn a_body_above_the_limit_fails_with_or_without_content_length() {
    let server = Server::start(|_| Reply::status(200).body("the keys")).await;
    assert_eq!(permissive_client().fetch(&server.url("/"), None, 7).await, Err(FetchError::TooLong));
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let endless = Behaviour::Endless(head.into(), "10\r\n0123456789abcdef\r\n".into());
    let endpoint = ScriptedEndpoint::start([endless]).await.unwrap();
    assert_eq!(permissive_client().fetch(&endpoint.url("/"), None, MAX_BYTES * 4).await, Err(FetchError::TooLong));
}

#[tokio::test]
async fn a_redirect_is_returned_as_a_status_and_not_followed() {
    let other = Server::start(|_| Reply::status(200).body("stolen")).await;
    let url = other.url("/");
    let server = Server::start(move |_| Reply::status(302).header("location", &url)).await;
    assert_eq!(permissive_client().fetch(&server.url("/"), None, MAX_BYTES).await, Err(FetchError::Status(302)));
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn a_url_that_the_guard_refuses_gets_no_request() {
    let server = Server::start(|_| Reply::status(200)).await;
    for egress in [
        EgressPolicy::default(),
        EgressPolicy::default().dangerous_allow_http(),
        EgressPolicy::default().dangerous_allow_loopback(),
    ] {
        let fetched = client(egress, Duration::from_secs(30)).fetch(&server.url("/"), None, MAX_BYTES).await;
        assert!(fetched.is_err(), "{fetched:?}");
    }
    for url in ["file:///etc/passwd", "https://user@example.com/", "", "https://127.1/"] {
        assert_eq!(permissive_client().fetch(url, None, MAX_BYTES).await, Err(FetchError::Refused), "{url}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_fetch_ends_after_the_timeout() {
    let endpoint = ScriptedEndpoint::start([Behaviour::Hang]).await.unwrap();
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let client = client(egress, Duration::from_millis(300));
    assert_eq!(client.fetch(&endpoint.url("/"), None, MAX_BYTES).await, Err(FetchError::Unreachable));
}
