//! The HTTP client with servers that misbehave at byte level (faults F-02 to F-21).

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hookwire::clock::SystemClock;
use hookwire::outcome::{MAX_EXCERPT_BYTES, Outcome, Report};
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::http::{HttpClient, HttpOptions};
use hookwire::testing::http::exchange;
use http::{Method, Request, Uri};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server that passes each connection and its number to `behave`.
struct RawServer {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    received: Arc<Mutex<Vec<String>>>,
}

impl RawServer {
    async fn start<F>(behave: impl Fn(usize, Peer) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, received) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (count, log) = (connections.clone(), received.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(behave(number, Peer { stream, log: log.clone() }));
            }
        });
        Self { address, connections, received }
    }

    /// Reads one request, writes `bytes` and closes.
    async fn responding(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes: Arc<Vec<u8>> = Arc::new(bytes.into());
        Self::start(move |_, mut peer| {
            let bytes = bytes.clone();
            async move {
                peer.read_request().await;
                peer.write(&bytes).await;
            }
        })
        .await
    }

    fn uri(&self) -> Uri {
        format!("http://{}/in", self.address).parse().unwrap()
    }

    fn requests(&self) -> usize {
        self.received.lock().unwrap().len()
    }
}

/// The server side of one connection.
struct Peer {
    stream: TcpStream,
    log: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    /// Reads a request with the body `{}`. Returns false if the client has closed the connection.
    async fn read_request(&mut self) -> bool {
        let mut read = Vec::new();
        while !read.windows(6).any(|window| window == b"\r\n\r\n{}") {
            match self.stream.read_buf(&mut read).await {
                Ok(0) | Err(_) => return false,
                Ok(_) => {}
            }
        }
        self.log.lock().unwrap().push(String::from_utf8(read).unwrap());
        true
    }

    async fn write(&mut self, bytes: &[u8]) {
        let _closed_by_client = self.stream.write_all(bytes).await;
    }

    /// Closes with a reset.
    fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }
}

fn client(options: HttpOptions) -> HttpClient {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    HttpClient::new(options.egress(egress), Arc::new(SystemClock)).unwrap()
}

fn client_with_short_timeout() -> HttpClient {
    client(HttpOptions::default().exchange_timeout(Duration::from_millis(300)))
}

/// Posts `{}`. `tries` counts how often the request was made.
async fn post_counting(client: &HttpClient, uri: &Uri, tries: &AtomicUsize) -> Report {
    let make = || {
        let number = tries.fetch_add(1, Ordering::SeqCst);
        let mut request = Request::new(Bytes::from_static(b"{}"));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.clone();
        request.headers_mut().insert("x-try", number.to_string().parse().unwrap());
        request
    };
    exchange(client, None, make).await
}

async fn post(client: &HttpClient, uri: &Uri) -> Report {
    post_counting(client, uri, &AtomicUsize::new(0)).await
}

async fn outcome_of(bytes: &str) -> Outcome {
    let server = RawServer::responding(bytes).await;
    post(&client_with_short_timeout(), &server.uri()).await.outcome
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn f_02_a_refused_connection_is_a_connect_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri: Uri = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    assert_eq!(post(&client_with_short_timeout(), &uri).await.outcome, Outcome::Connect);
}

#[tokio::test]
async fn f_07_no_response_is_a_timeout() {
    let server = RawServer::start(|_, mut peer| async move {
        peer.read_request().await;
        std::future::pending::<()>().await;
    })
    .await;
    assert_eq!(post(&client_with_short_timeout(), &server.uri()).await.outcome, Outcome::Timeout);
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn f_08_a_response_head_that_arrives_too_slowly_is_a_timeout() {
    let server = RawServer::start(|_, mut peer| async move {
        peer.read_request().await;
        for byte in b"HTTP/1.1 200 OK\r\nx-slow: yes\r\n".iter().cycle() {
            peer.write(&[*byte]).await;
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    })
    .await;
    assert_eq!(post(&client_with_short_timeout(), &server.uri()).await.outcome, Outcome::Timeout);
}

#[tokio::test]
async fn f_09_a_slow_body_after_status_200_is_a_success() {
    let server = RawServer::start(|_, mut peer| async move {
        peer.read_request().await;
        peer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await;
        loop {
            peer.write(b"x").await;
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    })
    .await;
    assert_eq!(post(&client_with_short_timeout(), &server.uri()).await.outcome, Outcome::Status(200));
}

#[tokio::test]
async fn f_10_an_endless_body_closes_the_connection() {
    let written = Arc::new(AtomicUsize::new(0));
    let count = written.clone();
    let server = RawServer::start(move |_, mut peer| {
        let count = count.clone();
        async move {
            peer.read_request().await;
            peer.write(b"HTTP/1.1 500 Oops\r\ntransfer-encoding: chunked\r\n\r\n").await;
            let chunk = format!("1000\r\n{}\r\n", "y".repeat(0x1000));
            while peer.stream.write_all(chunk.as_bytes()).await.is_ok() {
                count.fetch_add(0x1000, Ordering::SeqCst);
            }
        }
    })
    .await;
    let report = post(&client(HttpOptions::default()), &server.uri()).await;
    assert_eq!(report.outcome, Outcome::Status(500));
    assert_eq!(report.excerpt.unwrap().len(), MAX_EXCERPT_BYTES);
    assert!(written.load(Ordering::SeqCst) < 64 * 1024 * 1024, "the connection is closed before the body ends");
}

#[tokio::test]
async fn f_11_an_endless_response_head_is_a_protocol_failure() {
    let many: String = (0..100_000).map(|n| format!("x-{n}: y\r\n")).collect();
    assert_eq!(outcome_of(&format!("HTTP/1.1 200 OK\r\n{many}\r\n")).await, Outcome::Protocol);
    let long = "z".repeat(1_000_000);
    assert_eq!(outcome_of(&format!("HTTP/1.1 200 OK\r\nx: {long}\r\n\r\n")).await, Outcome::Protocol);
}

#[tokio::test]
async fn f_12_invalid_http_is_a_protocol_failure() {
    for garbage in [
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 twohundred OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbad header: \u{0}\r\n\r\n",
    ] {
        assert_eq!(outcome_of(garbage).await, Outcome::Protocol, "{garbage:?}");
    }
}

#[tokio::test]
async fn f_12_an_invalid_chunk_does_not_change_the_outcome_of_the_head() {
    let response = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n";
    assert_eq!(outcome_of(response).await, Outcome::Status(200));
}

#[tokio::test]
async fn f_13_a_reset_counts_only_until_the_head_is_complete() {
    for (head, expected) in [
        ("", Outcome::Reset),
        ("HTTP/1.1 200 O", Outcome::Reset),
        ("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart", Outcome::Status(200)),
    ] {
        let server = RawServer::start(move |_, mut peer| async move {
            peer.read_request().await;
            peer.write(head.as_bytes()).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            peer.reset();
        })
        .await;
        assert_eq!(post(&client_with_short_timeout(), &server.uri()).await.outcome, expected, "{head:?}");
        assert_eq!(server.requests(), 1, "a request on a new connection is not repeated");
    }
}

#[tokio::test]
async fn f_14_interim_responses_are_skipped() {
    let response = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n\
                  HTTP/1.1 204 No Content\r\n\r\n";
    assert_eq!(outcome_of(response).await, Outcome::Status(204));
}

#[tokio::test]
async fn f_15_a_request_has_no_expect_and_no_upgrade_header() {
    let server = RawServer::responding(OK).await;
    post(&client_with_short_timeout(), &server.uri()).await;
    let request = server.received.lock().unwrap()[0].to_ascii_lowercase();
    assert!(!request.contains("expect:") && !request.contains("upgrade:"), "{request}");
    assert!(request.starts_with("post /in http/1.1\r\n") && request.contains("content-length: 2\r\n"));
}

#[tokio::test]
async fn a_request_has_a_user_agent_and_accepts_any_media_type() {
    let agent = http::HeaderValue::from_static("Acme-Webhooks/1.0");
    for (options, agent) in [
        (HttpOptions::default(), concat!("user-agent: hookwire/", env!("CARGO_PKG_VERSION"), "\r\n")),
        (HttpOptions::default().user_agent(agent), "user-agent: acme-webhooks/1.0\r\n"),
    ] {
        let server = RawServer::responding(OK).await;
        post(&client(options), &server.uri()).await;
        let request = server.received.lock().unwrap()[0].to_ascii_lowercase();
        assert!(request.contains(agent) && request.contains("accept: */*\r\n"), "{request}");
    }
}

#[tokio::test]
async fn f_16_switching_protocols_is_a_protocol_failure() {
    let response = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
    assert_eq!(outcome_of(response).await, Outcome::Protocol);
}

#[tokio::test]
async fn f_17_a_204_with_a_body_is_a_success_and_its_body_is_not_read_as_a_response() {
    let server = RawServer::start(|_, mut peer| async move {
        while peer.read_request().await {
            peer.write(b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 500 Injected\r\ncontent-length: 0\r\n\r\n").await;
        }
    })
    .await;
    let client = client_with_short_timeout();
    for _ in 0..2 {
        assert_eq!(post(&client, &server.uri()).await.outcome, Outcome::Status(204));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn f_18_an_http_1_0_body_without_a_length_is_read_to_the_end() {
    let server = RawServer::responding("HTTP/1.0 500 Oops\r\n\r\nthe reason").await;
    let report = post(&client_with_short_timeout(), &server.uri()).await;
    assert_eq!((report.outcome, report.excerpt.as_deref()), (Outcome::Status(500), Some("the reason")));
}

#[tokio::test]
async fn f_20_a_reused_connection_that_breaks_is_replaced_once_and_the_request_made_anew() {
    // The first connection serves one request, reads a second one, and closes without a response.
    let server = RawServer::start(|number, mut peer| async move {
        if number == 0 {
            peer.read_request().await;
            peer.write(OK).await;
            peer.read_request().await;
        } else {
            while peer.read_request().await {
                peer.write(OK).await;
            }
        }
    })
    .await;
    let client = client(HttpOptions::default());
    assert_eq!(post(&client, &server.uri()).await.outcome, Outcome::Status(200));
    let tries = AtomicUsize::new(0);
    assert_eq!(post_counting(&client, &server.uri(), &tries).await.outcome, Outcome::Status(200));
    assert_eq!(tries.load(Ordering::SeqCst), 2, "the request is made anew, with a new time and signature");
    assert_eq!(server.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn f_20_an_exchange_is_not_tried_a_third_time() {
    let server = RawServer::start(|number, mut peer| async move {
        peer.read_request().await;
        if number == 0 {
            peer.write(OK).await;
            peer.read_request().await;
        }
    })
    .await;
    let client = client(HttpOptions::default());
    assert_eq!(post(&client, &server.uri()).await.outcome, Outcome::Status(200));
    let tries = AtomicUsize::new(0);
    assert_eq!(post_counting(&client, &server.uri(), &tries).await.outcome, Outcome::Reset);
    assert_eq!(tries.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn f_20_a_request_is_not_repeated_after_the_first_byte_of_a_response() {
    let server = RawServer::start(|_, mut peer| async move {
        peer.read_request().await;
        peer.write(OK).await;
        if peer.read_request().await {
            peer.write(b"HTTP/1.1 2").await;
        }
    })
    .await;
    let client = client(HttpOptions::default());
    assert_eq!(post(&client, &server.uri()).await.outcome, Outcome::Status(200));
    let tries = AtomicUsize::new(0);
    assert_eq!(post_counting(&client, &server.uri(), &tries).await.outcome, Outcome::Reset);
    assert_eq!(tries.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn connections_are_reused() {
    let server = RawServer::start(|_, mut peer| async move {
        while peer.read_request().await {
            peer.write(OK).await;
        }
    })
    .await;
    let client = client(HttpOptions::default());
    for _ in 0..5 {
        assert_eq!(post(&client, &server.uri()).await.outcome, Outcome::Status(200));
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn f_21_a_compressed_response_is_not_decompressed() {
    let response = "HTTP/1.1 500 Oops\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\u{1f}ab!";
    let server = RawServer::responding(response).await;
    let report = post(&client_with_short_timeout(), &server.uri()).await;
    assert_eq!(report.excerpt.as_deref(), Some(" ab!"));
}
