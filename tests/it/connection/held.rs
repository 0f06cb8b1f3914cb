//! Hostile servers that try to keep connections, tasks or payloads in use after their exchange.
//!
//! Each test makes several exchanges with the attacker, and one with a bystander in between. Afterwards, all resources must be
//! released.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::outcome::{Outcome, Report};
use hookwire::retry::{Policy, Schedule};
use hookwire::sender::Sender;
use hookwire::sender::egress::{Dial, Dialed};
use hookwire::sender::http::HttpClient;
use hookwire::store::MemoryStore;
use hookwire::testing::http::{exchange, open_connections};
use hookwire::worker::CancellationToken;
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::frames::{self, Peer};
use super::tls::{Certified, Secured};
use super::{client, options, serve};
use crate::support::server::{Reply, Server};

const ATTACKS: usize = 8;
const MIB: usize = 1024 * 1024;

/// A payload that counts its bytes in `held` until it is dropped.
struct Tracked(Vec<u8>, Arc<AtomicUsize>);

impl Tracked {
    fn bytes(size: usize, held: &Arc<AtomicUsize>) -> Bytes {
        held.fetch_add(size, Ordering::SeqCst);
        Bytes::from_owner(Self(vec![b'x'; size], held.clone()))
    }
}

impl AsRef<[u8]> for Tracked {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.1.fetch_sub(self.0.len(), Ordering::SeqCst);
    }
}

async fn post(client: &HttpClient, url: &str, body: Bytes) -> Report {
    let make = || Request::post(url).body(body.clone()).unwrap();
    exchange(client, None, make).await
}

/// Waits until `is_true` returns true. Fails after 30 s.
async fn until(what: &str, is_true: impl Fn() -> bool) {
    let waiting = async {
        while !is_true() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), waiting).await.is_ok(), "{what}");
}

fn client_with_short_timeouts(certified: Option<&Certified>) -> HttpClient {
    let options = options().exchange_timeout(Duration::from_secs(6)).idle_timeout(Duration::from_millis(200));
    client(certified.iter().fold(options, |options, certified| options.tls(certified.client())))
}

/// Makes several exchanges with the attacker at `url`, and one with a bystander in between. Returns the attacker's reports after
/// checking that all payloads, connections and tasks are released.
async fn attack(client: HttpClient, url: String, size: usize) -> Vec<Report> {
    let (bystander, _) = serve(|_, mut stream| async move {
        while super::read_request(&mut stream).await {
            super::respond_ok(&mut stream).await;
        }
    })
    .await;
    tokio::task::yield_now().await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let (before, held, mut attacks) = (tasks(), Arc::new(AtomicUsize::new(0)), JoinSet::new());
    for _ in 0..ATTACKS {
        let (attacked, url, body) = (client.clone(), url.clone(), Tracked::bytes(size, &held));
        attacks.spawn(async move { post(&attacked, &url, body).await });
        assert_eq!(super::post(&client, &format!("http://{bystander}/")).await.outcome, Outcome::Status(200));
    }
    let reports = attacks.join_all().await;
    until("the payloads are dropped", || held.load(Ordering::SeqCst) == 0).await;
    until("the connections are closed", || open_connections(&client) == 0).await;
    until("the tasks have ended", || tasks() <= before).await;
    reports
}

fn outcomes(reports: &[Report]) -> Vec<Outcome> {
    let mut outcomes: Vec<_> = reports.iter().map(|report| report.outcome).collect();
    outcomes.dedup();
    outcomes
}

/// A server with a small receive buffer, so that unread data stays with the client.
async fn serve_with_small_buffer<F>(handle: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener: TcpListener = socket.listen(64).unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(handle(stream));
        }
    });
    address
}

/// Waits until the client closes or resets the connection. Reads nothing.
pub async fn wait_for_close(stream: &TcpStream) {
    loop {
        let ready = stream.ready(tokio::io::Interest::ERROR | tokio::io::Interest::READABLE).await.unwrap();
        if ready.is_error() || ready.is_read_closed() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn respond_early(status: &'static str, size: usize) -> Vec<Report> {
    let server = serve_with_small_buffer(move |mut stream| async move {
        stream.read_exact(&mut [0; 20]).await.unwrap();
        stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await.unwrap();
        wait_for_close(&stream).await;
    })
    .await;
    attack(client_with_short_timeouts(None), format!("http://{server}/"), size).await
}

#[tokio::test]
async fn a_success_before_the_request_was_read_is_a_protocol_failure_and_keeps_nothing() {
    for size in [8 * MIB, 12 * MIB] {
        let reports = respond_early("200 OK", size).await;
        assert_eq!(outcomes(&reports), [Outcome::Protocol]);
        assert!(reports[0].excerpt.as_deref().unwrap().contains("before the whole request was read"));
    }
}

#[tokio::test]
async fn an_error_status_before_the_request_was_read_counts_at_once_and_keeps_nothing() {
    assert_eq!(outcomes(&respond_early("413 Content Too Large", 8 * MIB).await), [Outcome::Status(413)]);
}

#[tokio::test]
async fn a_server_that_responds_first_and_then_reads_the_whole_request_succeeds() {
    let server = serve_with_small_buffer(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        let _closed_by_client = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    })
    .await;
    let client = client(options());
    let report = post(&client, &format!("http://{server}/"), Bytes::from(vec![0; 8 * MIB])).await;
    assert_eq!(report.outcome, Outcome::Status(200));
}

#[tokio::test]
async fn a_server_that_reads_a_few_bytes_a_second_keeps_nothing() {
    for piece in [1, 100] {
        let server = serve_with_small_buffer(move |mut stream| async move {
            // Reads for longer than the exchange may take. Reading everything would take hours.
            for _ in 0..60 {
                stream.read_exact(&mut vec![0; piece]).await.unwrap();
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        })
        .await;
        let reports = attack(client_with_short_timeouts(None), format!("http://{server}/"), 8 * MIB).await;
        assert_eq!(outcomes(&reports), [Outcome::Timeout], "{piece} bytes at a time");
    }
}

/// Attacks a client that trusts the certificate of this HTTP/2 server, and returns the outcomes.
async fn attack_over_http2<F>(
    size: usize,
    settings: &'static [(u16, u32)],
    behave: impl Fn(Secured) -> F + Clone + Send + Sync + 'static,
) -> Vec<Outcome>
where
    F: Future<Output = ()> + Send + 'static,
{
    let certified = Certified::new();
    let acceptor = certified.acceptor(false);
    let (address, _) = serve(move |_, stream| {
        let (acceptor, behave) = (acceptor.clone(), behave.clone());
        async move { behave(Peer::greet_with(acceptor.accept(stream).await.unwrap(), settings).await).await }
    })
    .await;
    outcomes(&attack(client_with_short_timeouts(Some(&certified)), format!("https://{address}/"), size).await)
}

#[tokio::test]
async fn a_flood_of_control_frames_from_a_server_that_never_reads_ends_the_connection() {
    for (kind, payload) in [(frames::PING, vec![7; 8]), (frames::SETTINGS, vec![])] {
        let outcomes = attack_over_http2(1_000, &[], move |mut peer| {
            let payload = payload.clone();
            async move {
                peer.flood(kind, 0, 0, &payload).await;
            }
        })
        .await;
        assert!(outcomes.iter().all(|outcome| outcome.is_endpoint_failure()), "{kind}: {outcomes:?}");
    }
}

#[tokio::test]
async fn a_flood_of_window_updates_or_ping_replies_is_a_protocol_failure() {
    for (kind, flags, payload) in [(frames::WINDOW_UPDATE, 0, vec![0, 0, 0, 1]), (frames::PING, 1, vec![0; 8])] {
        let outcomes = attack_over_http2(10, &[], move |mut peer| {
            let payload = payload.clone();
            async move {
                peer.next_request().await;
                peer.flood(kind, flags, 0, &payload).await;
            }
        })
        .await;
        assert_eq!(outcomes, [Outcome::Protocol], "{kind}");
    }
}

#[tokio::test]
async fn an_http_2_server_that_responds_with_a_closed_window_keeps_no_payload() {
    const CLOSED: &[(u16, u32)] = &[(frames::INITIAL_WINDOW_SIZE, 0)];
    const TEN_BYTES: &[(u16, u32)] = &[(frames::INITIAL_WINDOW_SIZE, 10)];
    for (settings, status, expected) in [
        (CLOSED, 200, Outcome::Protocol),
        (TEN_BYTES, 202, Outcome::Protocol),
        (CLOSED, 413, Outcome::Status(413)),
        (TEN_BYTES, 413, Outcome::Status(413)),
    ] {
        let outcomes = attack_over_http2(256 * 1024, settings, move |mut peer| async move {
            while let Some(stream) = peer.next_request().await {
                peer.respond_with(stream, status).await;
            }
        })
        .await;
        assert_eq!(outcomes, [expected], "{settings:?} {status}");
    }
}

#[tokio::test]
async fn endless_interim_responses_are_a_protocol_failure() {
    for status in [100, 103] {
        let met = attack_over_http2(10, &[], move |mut peer| async move {
            let Some(stream) = peer.next_request().await else { return };
            let block = [&[8, 3][..], status.to_string().as_bytes()].concat();
            peer.flood(frames::HEADERS, frames::END_HEADERS, stream, &block).await;
        })
        .await;
        assert_eq!(met, [Outcome::Protocol], "{status} over HTTP/2");
        let (address, _) = serve(move |_, mut stream| async move {
            let head = format!("HTTP/1.1 {status} Early\r\n\r\n");
            while stream.write_all(head.as_bytes()).await.is_ok() {}
        })
        .await;
        let reports = attack(client_with_short_timeouts(None), format!("http://{address}/"), 10).await;
        assert_eq!(outcomes(&reports), [Outcome::Protocol], "{status} over HTTP/1.1");
    }
}

#[tokio::test]
async fn endless_response_headers_over_http_2_fail_and_keep_nothing() {
    // A literal header field without indexing: name `x-y`, value `abc` (RFC 7541 section 6.2.2).
    const MORE: [u8; 9] = [0, 3, b'x', b'-', b'y', 3, b'a', b'b', b'c'];
    for size in [1, 1_000] {
        let outcomes = attack_over_http2(10, &[], move |mut peer| async move {
            let Some(stream) = peer.next_request().await else { return };
            peer.send(frames::HEADERS, 0, stream, &[0x88]).await;
            peer.flood(frames::CONTINUATION, 0, stream, &MORE.repeat(size)).await;
        })
        .await;
        assert_eq!(outcomes.len(), 1, "{outcomes:?}");
        assert!(matches!(outcomes[0], Outcome::Protocol | Outcome::Reset), "{size} headers a frame: {outcomes:?}");
    }
}

#[tokio::test]
async fn slow_responses_and_silent_servers_keep_nothing_after_the_exchange() {
    let dripping = attack_over_http2(10, &[], |mut peer| async move {
        let Some(stream) = peer.next_request().await else { return };
        peer.send(frames::HEADERS, frames::END_HEADERS, stream, &[0x88]).await;
        peer.send_slowly(frames::DATA, 0, stream, b"x").await;
    })
    .await;
    assert_eq!(dripping, [Outcome::Status(200)], "the status decides");
    let silent = attack_over_http2(10, &[], |mut peer| async move {
        peer.next_request().await;
        peer.read_and_ignore().await;
    })
    .await;
    assert_eq!(silent, [Outcome::Timeout]);
    let (address, _) = serve(|_, mut stream| async move {
        let mut head = b"HTTP/1.1 200 OK\r\nx: ".iter().chain(std::iter::repeat(&b'y'));
        while stream.write_all(&[*head.next().unwrap()]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_eq!(
        outcomes(&attack(client_with_short_timeouts(None), format!("http://{address}/"), 10).await),
        [Outcome::Timeout]
    );
}

#[tokio::test]
async fn endpoints_that_respond_before_reading_fail_and_delay_no_other_tenant() {
    let attacker = serve_with_small_buffer(|mut stream| async move {
        stream.read_exact(&mut [0; 20]).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        wait_for_close(&stream).await;
    })
    .await;
    let bystander = Server::start(|_| Reply::status(200)).await;
    let http = options().exchange_timeout(Duration::from_secs(20));
    let builder = Sender::builder(MemoryStore::new()).http(http).max_payload(16 * MIB);
    let sender = builder.retry(Policy::new(Schedule::from_iter([]))).build().unwrap();
    let at = |url: &str, tenant: &str| NewEndpoint::at(Target::parse(url).unwrap()).tenant(tenant);
    for number in 0..12 {
        sender.endpoints().create(at(&format!("http://{attacker}/{number}"), "attacker")).await.unwrap();
    }
    sender.endpoints().create(at(&bystander.url("/"), "bystander")).await.unwrap();
    let stop = CancellationToken::new();
    let worker = tokio::spawn(sender.worker().run(stop.clone()));
    let large = NewEvent::raw("a.b", "text/plain", vec![b'x'; 8 * MIB]).unwrap();
    sender.dispatch(large.tenant("attacker")).await.unwrap();
    for number in 0..30 {
        sender.dispatch(NewEvent::json("a.b", &number).unwrap().tenant("bystander")).await.unwrap();
    }
    crate::support::until(|| async {
        let counts = sender.history().counts(None).await.unwrap();
        counts.delivered + counts.failed == 42
    })
    .await;
    stop.cancel();
    worker.await.unwrap().unwrap();
    let counts = sender.history().counts(None).await.unwrap();
    assert_eq!((counts.delivered, counts.failed), (30, 12));
    assert_eq!(bystander.requests().len(), 30, "each needs one attempt");
}

#[tokio::test]
async fn endless_trailers_close_the_connection_but_the_status_counts() {
    let (address, _) = serve(|_, mut stream| async move {
        super::read_request(&mut stream).await;
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n";
        let mut is_open = stream.write_all(head).await.is_ok();
        while is_open {
            is_open = stream.write_all(b"x-more: and more\r\n").await.is_ok();
        }
    })
    .await;
    let client = client_with_short_timeouts(None);
    assert_eq!(super::post(&client, &format!("http://{address}/")).await.outcome, Outcome::Status(200));
    until("the connection is closed", || open_connections(&client) == 0).await;
}

/// Simulates a process with one file descriptor: while a connection is open, dialling fails with `EMFILE`.
#[derive(Clone, Debug, Default)]
struct OneDescriptor(Arc<OnceLock<HttpClient>>);

#[async_trait]
impl Dial for OneDescriptor {
    async fn dial(&self, address: SocketAddr) -> std::io::Result<Dialed> {
        const EMFILE: i32 = 24;
        if open_connections(self.0.get().unwrap()) > 0 {
            return Err(std::io::Error::from_raw_os_error(EMFILE));
        }
        Dialed::direct(TcpStream::connect(address).await?)
    }
}

#[tokio::test]
async fn idle_connections_are_closed_when_there_is_no_free_descriptor() {
    let dialer = OneDescriptor::default();
    let client = client(options().idle_timeout(Duration::from_secs(600)).dialer(dialer.clone()));
    dialer.0.set(client.clone()).unwrap();
    for _ in 0..3 {
        let (server, connections) = serve(|_, mut stream| async move {
            while super::read_request(&mut stream).await {
                super::respond_ok(&mut stream).await;
            }
        })
        .await;
        assert_eq!(super::post(&client, &format!("http://{server}/")).await.outcome, Outcome::Status(200));
        assert_eq!((open_connections(&client), connections.load(Ordering::SeqCst)), (1, 1));
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_even_if_the_server_does_not_close_it() {
    let certified = Certified::new();
    let acceptor = certified.acceptor(false);
    let (address, connections) = serve(move |_, stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut peer = super::tls::secure(acceptor, stream).await;
            let stream = peer.next_request().await.unwrap();
            peer.respond(stream).await;
            peer.read_and_ignore().await;
        }
    })
    .await;
    let client = client_with_short_timeouts(Some(&certified));
    assert_eq!(super::post(&client, &format!("https://{address}/")).await.outcome, Outcome::Status(200));
    until("the connection is closed", || open_connections(&client) == 0).await;
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}
