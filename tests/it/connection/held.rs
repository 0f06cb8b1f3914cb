//! Receivers that try to hold what is ours after their exchange, or to keep us busy: connections, tasks and payloads.
//!
//! Each attacker is met several times while a bystander is served, and then everything must be free again.

use std::convert::Infallible;
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
use hookwire::sender::egress::{Dial, Dialed, SystemDialer};
use hookwire::sender::http::HttpClient;
use hookwire::store::MemoryStore;
use hookwire::worker::CancellationToken;
use http::Request;
use http_body_util::Full;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::frames::{self, Peer};
use super::tls::{Certified, Secured};
use super::{client, options, serve};
use crate::support::server::{Reply, Server};

const ATTACKS: usize = 8;
const MIB: usize = 1024 * 1024;

/// A payload that says when it is let go.
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
    let make = || Ok::<_, Infallible>(Request::post(url).body(Full::new(body.clone())).unwrap());
    client.exchange(make).await.unwrap()
}

/// Waits for what has to come true; how long that takes is not judged here.
async fn until(what: &str, is_true: impl Fn() -> bool) {
    let waiting = async {
        while !is_true() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), waiting).await.is_ok(), "{what}");
}

fn brisk(certified: Option<&Certified>) -> HttpClient {
    let options = options().exchange_timeout(Duration::from_secs(2)).idle_timeout(Duration::from_millis(200));
    client(certified.iter().fold(options, |options, certified| options.tls(certified.client())))
}

/// Meets the attacker at `url` several times, a bystander in between, and returns what the attacker was taken for. After it
/// nothing is held: no payload, no connection, no task.
async fn meet(client: HttpClient, url: String, size: usize) -> Vec<Report> {
    let (bystander, _) = serve(|_, mut stream| async move {
        while super::read_request(&mut stream).await {
            super::answer(&mut stream).await;
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
    until("payloads are let go", || held.load(Ordering::SeqCst) == 0).await;
    until("connections are closed", || client.connections() == 0).await;
    until("tasks have ended", || tasks() <= before).await;
    reports
}

fn outcomes(reports: &[Report]) -> Vec<Outcome> {
    let mut outcomes: Vec<_> = reports.iter().map(|report| report.outcome).collect();
    outcomes.dedup();
    outcomes
}

/// A server whose socket buffers little, so that what it does not read stays with the client.
async fn narrow<F>(handle: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
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

/// Returns when the client has closed or reset; what it sends is not read.
pub async fn wait_for_the_end(stream: &TcpStream) {
    loop {
        let ready = stream.ready(tokio::io::Interest::ERROR | tokio::io::Interest::READABLE).await.unwrap();
        if ready.is_error() || ready.is_read_closed() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn early(status: &'static str, size: usize) -> Vec<Report> {
    let server = narrow(move |mut stream| async move {
        stream.read_exact(&mut [0; 20]).await.unwrap();
        stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await.unwrap();
        wait_for_the_end(&stream).await;
    })
    .await;
    meet(brisk(None), format!("http://{server}/"), size).await
}

#[tokio::test]
async fn a_success_that_was_answered_before_the_request_was_read_is_none_and_holds_nothing() {
    for size in [8 * MIB, 12 * MIB] {
        let reports = early("200 OK", size).await;
        assert_eq!(outcomes(&reports), [Outcome::Protocol]);
        assert!(reports[0].excerpt.as_deref().unwrap().contains("before the whole request was read"));
    }
}

#[tokio::test]
async fn a_refusal_that_was_answered_early_counts_at_once_and_holds_nothing() {
    assert_eq!(outcomes(&early("413 Content Too Large", 8 * MIB).await), [Outcome::Status(413)]);
}

#[tokio::test]
async fn a_receiver_that_reads_late_but_reads_all_is_a_success() {
    let server = narrow(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        let _client_has_gone = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    })
    .await;
    let client = client(options());
    let report = post(&client, &format!("http://{server}/"), Bytes::from(vec![0; 8 * MIB])).await;
    assert_eq!(report.outcome, Outcome::Status(200));
}

#[tokio::test]
async fn a_receiver_that_reads_a_few_bytes_a_second_holds_nothing() {
    for piece in [1, 100] {
        let server = narrow(move |mut stream| async move {
            // Longer than the exchange may take; what is left in the buffers would keep the server busy for hours.
            for _ in 0..20 {
                stream.read_exact(&mut vec![0; piece]).await.unwrap();
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        })
        .await;
        let reports = meet(brisk(None), format!("http://{server}/"), 8 * MIB).await;
        assert_eq!(outcomes(&reports), [Outcome::Timeout], "{piece} bytes at a time");
    }
}

/// An HTTP/2 server, and what a client that trusts it makes of it.
async fn meet_secure<F>(
    size: usize,
    settings: &'static [(u16, u32)],
    attack: impl Fn(Secured) -> F + Clone + Send + Sync + 'static,
) -> Vec<Outcome>
where
    F: Future<Output = ()> + Send + 'static,
{
    let certified = Certified::new();
    let acceptor = certified.acceptor(false);
    let (address, _) = serve(move |_, stream| {
        let (acceptor, attack) = (acceptor.clone(), attack.clone());
        async move { attack(Peer::greet_with(acceptor.accept(stream).await.unwrap(), settings).await).await }
    })
    .await;
    outcomes(&meet(brisk(Some(&certified)), format!("https://{address}/"), size).await)
}

#[tokio::test]
async fn floods_of_control_frames_by_a_peer_that_never_reads_end_with_the_connection() {
    for (kind, payload) in [(frames::PING, vec![7; 8]), (frames::SETTINGS, vec![])] {
        let outcomes = meet_secure(1_000, &[], move |mut peer| {
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
async fn a_flood_of_window_updates_and_one_of_settings_acknowledged_are_excess() {
    for (kind, flags, payload) in [(frames::WINDOW_UPDATE, 0, vec![0, 0, 0, 1]), (frames::PING, 1, vec![0; 8])] {
        let outcomes = meet_secure(10, &[], move |mut peer| {
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
async fn an_http_2_peer_that_answers_with_its_window_shut_lets_no_payload_stay() {
    const SHUT: &[(u16, u32)] = &[(frames::INITIAL_WINDOW_SIZE, 0)];
    const AJAR: &[(u16, u32)] = &[(frames::INITIAL_WINDOW_SIZE, 10)];
    for (settings, status, expected) in [
        (SHUT, 200, Outcome::Protocol),
        (AJAR, 202, Outcome::Protocol),
        (SHUT, 413, Outcome::Status(413)),
        (AJAR, 413, Outcome::Status(413)),
    ] {
        let outcomes = meet_secure(256 * 1024, settings, move |mut peer| async move {
            while let Some(stream) = peer.next_request().await {
                peer.answer_with(stream, status).await;
            }
        })
        .await;
        assert_eq!(outcomes, [expected], "{settings:?} {status}");
    }
}

#[tokio::test]
async fn interim_answers_without_end_are_a_protocol_failure() {
    for status in [100, 103] {
        let met = meet_secure(10, &[], move |mut peer| async move {
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
        let reports = meet(brisk(None), format!("http://{address}/"), 10).await;
        assert_eq!(outcomes(&reports), [Outcome::Protocol], "{status} over HTTP/1.1");
    }
}

#[tokio::test]
async fn heads_without_end_over_http_2_are_a_failure_and_hold_nothing() {
    // A header that no table needs: literal, with a name and a value of three bytes (RFC 7541 section 6.2.2).
    const MORE: [u8; 9] = [0, 3, b'x', b'-', b'y', 3, b'a', b'b', b'c'];
    for size in [1, 1_000] {
        let outcomes = meet_secure(10, &[], move |mut peer| async move {
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
async fn answers_that_drip_and_peers_that_fall_silent_hold_nothing_beyond_the_exchange() {
    let dripping = meet_secure(10, &[], |mut peer| async move {
        let Some(stream) = peer.next_request().await else { return };
        peer.send(frames::HEADERS, frames::END_HEADERS, stream, &[0x88]).await;
        peer.drip(frames::DATA, 0, stream, b"x").await;
    })
    .await;
    assert_eq!(dripping, [Outcome::Status(200)], "the head has decided");
    let silent = meet_secure(10, &[], |mut peer| async move {
        peer.next_request().await;
        peer.swallow().await;
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
    assert_eq!(outcomes(&meet(brisk(None), format!("http://{address}/"), 10).await), [Outcome::Timeout]);
}

#[tokio::test]
async fn a_tenant_whose_endpoints_answer_early_is_not_delivered_to_and_keeps_no_other_waiting() {
    let early = narrow(|mut stream| async move {
        stream.read_exact(&mut [0; 20]).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        wait_for_the_end(&stream).await;
    })
    .await;
    let bystander = Server::start(|_| Reply::status(200)).await;
    let http = options().exchange_timeout(Duration::from_secs(4));
    let builder = Sender::builder(MemoryStore::new()).http(http).max_payload(16 * MIB);
    let sender = builder.retry(Policy::new(Schedule::from_iter([]))).build().unwrap();
    let at = |url: &str, tenant: &str| NewEndpoint::at(Target::parse(url).unwrap()).tenant(tenant);
    for number in 0..12 {
        sender.endpoints().create(at(&format!("http://{early}/{number}"), "attacker")).await.unwrap();
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
    assert_eq!(bystander.requests().len(), 30, "each at the first attempt");
}

#[tokio::test]
async fn trailers_without_end_cost_the_connection_and_not_the_success() {
    let (address, _) = serve(|_, mut stream| async move {
        super::read_request(&mut stream).await;
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n";
        let mut going = stream.write_all(head).await.is_ok();
        while going {
            going = stream.write_all(b"x-more: and more\r\n").await.is_ok();
        }
    })
    .await;
    let client = brisk(None);
    assert_eq!(super::post(&client, &format!("http://{address}/")).await.outcome, Outcome::Status(200));
    until("the connection is closed", || client.connections() == 0).await;
}

/// Has one descriptor: while a connection is open it is out of them.
#[derive(Clone, Debug, Default)]
struct Scarce(Arc<OnceLock<HttpClient>>);

#[async_trait]
impl Dial for Scarce {
    async fn dial(&self, address: SocketAddr) -> std::io::Result<Dialed> {
        const EMFILE: i32 = 24;
        if self.0.get().unwrap().connections() > 0 {
            return Err(std::io::Error::from_raw_os_error(EMFILE));
        }
        SystemDialer.dial(address).await
    }
}

#[tokio::test]
async fn idle_connections_make_room_when_there_are_no_descriptors_left() {
    let scarce = Scarce::default();
    let client = client(options().idle_timeout(Duration::from_secs(600)).dialer(scarce.clone()));
    scarce.0.set(client.clone()).unwrap();
    for _ in 0..3 {
        let (server, connections) = serve(|_, mut stream| async move {
            while super::read_request(&mut stream).await {
                super::answer(&mut stream).await;
            }
        })
        .await;
        assert_eq!(super::post(&client, &format!("http://{server}/")).await.outcome, Outcome::Status(200));
        assert_eq!((client.connections(), connections.load(Ordering::SeqCst)), (1, 1));
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_whatever_its_peer_does() {
    let certified = Certified::new();
    let acceptor = certified.acceptor(false);
    let (address, connections) = serve(move |_, stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut peer = super::tls::secure(acceptor, stream).await;
            let stream = peer.next_request().await.unwrap();
            peer.answer(stream).await;
            peer.swallow().await;
        }
    })
    .await;
    let client = brisk(Some(&certified));
    assert_eq!(super::post(&client, &format!("https://{address}/")).await.outcome, Outcome::Status(200));
    until("the connection is closed", || client.connections() == 0).await;
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}
