//! The HTTP client against servers that misbehave at byte level (faults F-02 to F-21).

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hookwire::clock::SystemClock;
use hookwire::outcome::{MAX_EXCERPT_BYTES, Outcome, Report};
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::http::{HttpClient, HttpOptions};
use http::{Method, Request, Uri};
use http_body_util::Full;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A listener that hands each connection, with its number, to `behave`.
struct Wild {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    received: Arc<Mutex<Vec<String>>>,
}

impl Wild {
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

    /// Always reads the request and writes these bytes, then closes.
    async fn answering(bytes: impl Into<Vec<u8>>) -> Self {
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

/// The server's side of one connection.
struct Peer {
    stream: TcpStream,
    log: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    /// A head, and the two bytes of every test's body; `false` when the client has closed.
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
        let _client_has_gone = self.stream.write_all(bytes).await;
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

fn impatient() -> HttpClient {
    client(HttpOptions::default().exchange_timeout(Duration::from_millis(300)))
}

/// Posts `{}`; `tries` counts how often the request was made.
async fn post_counting(client: &HttpClient, uri: &Uri, tries: &AtomicUsize) -> Report {
    let make = || {
        let number = tries.fetch_add(1, Ordering::SeqCst);
        let mut request = Request::new(Full::new(Bytes::from_static(b"{}")));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.clone();
        request.headers_mut().insert("x-try", number.to_string().parse().unwrap());
        Ok::<_, Infallible>(request)
    };
    client.exchange(make).await.unwrap()
}

async fn post(client: &HttpClient, uri: &Uri) -> Report {
    post_counting(client, uri, &AtomicUsize::new(0)).await
}

async fn outcome_of(bytes: &str) -> Outcome {
    let server = Wild::answering(bytes).await;
    post(&impatient(), &server.uri()).await.outcome
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn f_02_a_refused_connection_is_connect() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri: Uri = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    assert_eq!(post(&impatient(), &uri).await.outcome, Outcome::Connect);
}

#[tokio::test]
async fn f_07_no_answer_is_a_timeout() {
    let server = Wild::start(|_, mut peer| async move {
        peer.read_request().await;
        std::future::pending::<()>().await;
    })
    .await;
    assert_eq!(post(&impatient(), &server.uri()).await.outcome, Outcome::Timeout);
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn f_08_a_head_that_trickles_is_a_timeout() {
    let server = Wild::start(|_, mut peer| async move {
        peer.read_request().await;
        for byte in b"HTTP/1.1 200 OK\r\nx-slow: yes\r\n".iter().cycle() {
            peer.write(&[*byte]).await;
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    })
    .await;
    assert_eq!(post(&impatient(), &server.uri()).await.outcome, Outcome::Timeout);
}

#[tokio::test]
async fn f_09_a_body_that_trickles_after_200_is_a_success() {
    let server = Wild::start(|_, mut peer| async move {
        peer.read_request().await;
        peer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await;
        loop {
            peer.write(b"x").await;
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    })
    .await;
    assert_eq!(post(&impatient(), &server.uri()).await.outcome, Outcome::Status(200));
}

#[tokio::test]
async fn f_10_an_endless_body_is_cut_off() {
    let written = Arc::new(AtomicUsize::new(0));
    let count = written.clone();
    let server = Wild::start(move |_, mut peer| {
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
    assert!(written.load(Ordering::SeqCst) < 64 * 1024 * 1024, "the connection was closed, not drained");
}

#[tokio::test]
async fn f_11_a_head_without_end_is_refused() {
    let many: String = (0..100_000).map(|n| format!("x-{n}: y\r\n")).collect();
    assert_eq!(outcome_of(&format!("HTTP/1.1 200 OK\r\n{many}\r\n")).await, Outcome::Protocol);
    let long = "z".repeat(1_000_000);
    assert_eq!(outcome_of(&format!("HTTP/1.1 200 OK\r\nx: {long}\r\n\r\n")).await, Outcome::Protocol);
}

#[tokio::test]
async fn f_12_what_is_no_http_is_protocol() {
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
async fn f_12_a_bad_chunk_after_a_good_head_does_not_undo_it() {
    let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n";
    assert_eq!(outcome_of(answer).await, Outcome::Status(200));
}

#[tokio::test]
async fn f_13_a_reset_before_or_in_the_head_is_reset_and_after_it_nothing() {
    for (head, expected) in [
        ("", Outcome::Reset),
        ("HTTP/1.1 200 O", Outcome::Reset),
        ("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart", Outcome::Status(200)),
    ] {
        let server = Wild::start(move |_, mut peer| async move {
            peer.read_request().await;
            peer.write(head.as_bytes()).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            peer.reset();
        })
        .await;
        assert_eq!(post(&impatient(), &server.uri()).await.outcome, expected, "{head:?}");
        assert_eq!(server.requests(), 1, "a fresh connection is not tried twice");
    }
}

#[tokio::test]
async fn f_14_interim_answers_are_skipped() {
    let answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n\
                  HTTP/1.1 204 No Content\r\n\r\n";
    assert_eq!(outcome_of(answer).await, Outcome::Status(204));
}

#[tokio::test]
async fn f_15_nothing_is_expected_or_asked_of_the_server() {
    let server = Wild::answering(OK).await;
    post(&impatient(), &server.uri()).await;
    let request = server.received.lock().unwrap()[0].to_ascii_lowercase();
    assert!(!request.contains("expect:") && !request.contains("upgrade:"), "{request}");
    assert!(request.starts_with("post /in http/1.1\r\n") && request.contains("content-length: 2\r\n"));
}

#[tokio::test]
async fn a_request_says_who_makes_it_and_that_any_answer_will_do() {
    let agent = http::HeaderValue::from_static("Acme-Webhooks/1.0");
    for (options, agent) in [
        (HttpOptions::default(), concat!("user-agent: hookwire/", env!("CARGO_PKG_VERSION"), "\r\n")),
        (HttpOptions::default().user_agent(agent), "user-agent: acme-webhooks/1.0\r\n"),
    ] {
        let server = Wild::answering(OK).await;
        post(&client(options), &server.uri()).await;
        let request = server.received.lock().unwrap()[0].to_ascii_lowercase();
        assert!(request.contains(agent) && request.contains("accept: */*\r\n"), "{request}");
    }
}

#[tokio::test]
async fn f_16_switching_protocols_is_protocol() {
    let answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
    assert_eq!(outcome_of(answer).await, Outcome::Protocol);
}

#[tokio::test]
async fn f_17_a_204_that_brings_a_body_is_a_success_and_poisons_nothing() {
    let server = Wild::start(|_, mut peer| async move {
        while peer.read_request().await {
            peer.write(b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 500 Injected\r\ncontent-length: 0\r\n\r\n").await;
        }
    })
    .await;
    let client = impatient();
    for _ in 0..2 {
        assert_eq!(post(&client, &server.uri()).await.outcome, Outcome::Status(204));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn f_18_http_1_0_without_length_is_read_to_its_end() {
    let server = Wild::answering("HTTP/1.0 500 Oops\r\n\r\nthe reason").await;
    let report = post(&impatient(), &server.uri()).await;
    assert_eq!((report.outcome, report.excerpt.as_deref()), (Outcome::Status(500), Some("the reason")));
}

#[tokio::test]
async fn f_20_a_reused_connection_that_died_is_replaced_once_with_a_fresh_request() {
    // The first connection serves one request, reads a second, and closes without a word.
    let server = Wild::start(|number, mut peer| async move {
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
    assert_eq!(tries.load(Ordering::SeqCst), 2, "made anew: fresh time, fresh signature");
    assert_eq!(server.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn f_20_it_is_not_tried_a_third_time() {
    let server = Wild::start(|number, mut peer| async move {
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
async fn f_20_an_answer_that_had_begun_is_not_asked_for_again() {
    let server = Wild::start(|_, mut peer| async move {
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
async fn connections_are_kept_and_used_again() {
    let server = Wild::start(|_, mut peer| async move {
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
async fn f_21_a_compressed_answer_is_left_as_it_is() {
    let answer = "HTTP/1.1 500 Oops\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\u{1f}ab!";
    let server = Wild::answering(answer).await;
    let report = post(&impatient(), &server.uri()).await;
    assert_eq!(report.excerpt.as_deref(), Some(" ab!"));
}
