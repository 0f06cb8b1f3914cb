//! How long the steps of an attempt took, by a clock that only the peers move, and what TLS agreed on or why it failed.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use hookwire::delivery::Attempt;
use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::outcome::Outcome;
use hookwire::retry::{Policy, Schedule};
use hookwire::sender::egress::{Dial, Dialed, Resolve};
use hookwire::sender::http::HttpOptions;
use hookwire::sender::{AttemptDetail, Scope, Sender};
use hookwire::store::MemoryStore;
use hookwire::testing::ManualClock;

use super::{Running, event};
use crate::support::until;

const NAME: &str = "hooks.example.com";
const FIRST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(93, 184, 216, 34));
const SECOND: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(93, 184, 216, 35));

/// How far each peer moves the clock.
const LOOKUP: Duration = Duration::from_secs(1);
const DIAL: Duration = Duration::from_secs(2);
const HANDSHAKE: Duration = Duration::from_secs(4);
const RESPONSE: Duration = Duration::from_secs(8);

/// Knows one name, with two addresses.
#[derive(Debug)]
struct SlowResolver(ManualClock);

#[async_trait]
impl Resolve for SlowResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.0.advance(LOOKUP);
        if host == NAME { Ok(vec![FIRST, SECOND]) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

/// What happens to connections to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Address {
    Accepts,
    Refuses,
    Hangs,
    /// The connection leads to an address that was not checked.
    Misleads,
}

/// Leads every address that accepts to one server.
#[derive(Debug)]
struct SlowDialer {
    clock: ManualClock,
    server: SocketAddr,
    first: Address,
    second: Address,
}

#[async_trait]
impl Dial for SlowDialer {
    async fn dial(&self, address: SocketAddr) -> io::Result<Dialed> {
        self.clock.advance(DIAL);
        match if address.ip() == FIRST { self.first } else { self.second } {
            Address::Accepts => Ok(Dialed::proxied(TcpStream::connect(self.server).await?, address.ip())),
            Address::Refuses => Err(io::ErrorKind::ConnectionRefused.into()),
            Address::Hangs => pending().await,
            Address::Misleads => Ok(Dialed::proxied(TcpStream::connect(self.server).await?, self.server.ip())),
        }
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn params(name: &str) -> CertificateParams {
    CertificateParams::new([name.to_owned()]).unwrap()
}

fn acceptor(params: CertificateParams, alpn: &[u8]) -> (TlsAcceptor, CertificateDer<'static>) {
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_no_client_auth().with_single_cert(vec![certificate.clone()], key).unwrap();
    config.alpn_protocols = vec![alpn.to_vec()];
    (TlsAcceptor::from(Arc::new(config)), certificate)
}

/// A TLS server whose handshake and whose responses are slow.
async fn serve(clock: &ManualClock, acceptor: TlsAcceptor) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, clock) = (listener.local_addr().unwrap(), clock.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(respond(stream, acceptor.clone(), clock.clone()));
        }
    });
    address
}

async fn respond(stream: TcpStream, acceptor: TlsAcceptor, clock: ManualClock) {
    // The client knows that the connection is open before it begins the handshake.
    if stream.peek(&mut [0]).await.is_err() {
        return;
    }
    clock.advance(HANDSHAKE);
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let service = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
        clock.advance(RESPONSE);
        async move {
            request.into_body().collect().await.unwrap();
            Ok::<_, Infallible>(http::Response::new(Full::<Bytes>::default()))
        }
    });
    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    let _closed = server.serve_connection(TokioIo::new(stream), service).await;
}

/// Options that trust `root`, with a slow resolver and a slow dialer. `addresses` says what becomes of connections to each of them.
fn options(
    clock: &ManualClock,
    server: SocketAddr,
    root: Option<CertificateDer<'static>>,
    addresses: [Address; 2],
) -> HttpOptions {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(root);
    let tls = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let [first, second] = addresses;
    let dialer = SlowDialer { clock: clock.clone(), server, first, second };
    let options = HttpOptions::default().tls(tls.with_root_certificates(roots).with_no_client_auth());
    options.tls_sessions(10).resolver(SlowResolver(clock.clone())).dialer(dialer)
}

/// Makes attempts at a URL, one after the other, each at a delivery of its own.
async fn attempts(clock: &ManualClock, options: HttpOptions, url: &str, count: usize) -> Vec<(Attempt, AttemptDetail)> {
    let seldom: Schedule = [Duration::from_secs(86_400)].into_iter().collect();
    let builder = Sender::builder(MemoryStore::new()).clock(clock.clone()).retry(Policy::new(seldom));
    let sender = builder.http(options).keep_all_details().build().unwrap();
    let endpoint = NewEndpoint::at(Target::parse(url).unwrap()).tenant("acme");
    sender.endpoints().create(endpoint).await.unwrap();
    let running = Running::start(&sender);
    let mut deliveries = Vec::new();
    for number in 0..count {
        let delivery = sender.dispatch(event(number)).await.unwrap().deliveries[0];
        until(async || !sender.history().attempts(delivery).await.unwrap().is_empty()).await;
        deliveries.push(delivery);
    }
    running.stop().await;
    let mut made = Vec::new();
    for delivery in deliveries {
        let attempt = sender.history().attempts(delivery).await.unwrap().remove(0);
        let details = async |scope| sender.scoped(scope).attempt_details(delivery).await.unwrap().unwrap().remove(0);
        let detail = details(Scope::operator()).await;
        let hidden = details(Scope::tenant("acme")).await;
        assert_eq!((hidden.address, hidden.dns, hidden.tls_resumed), (None, None, None), "they tell of other tenants");
        assert_eq!(times(&hidden)[1..], times(&detail)[1..]);
        made.push((attempt, detail));
    }
    made
}

fn times(detail: &AttemptDetail) -> [Option<Duration>; 4] {
    [detail.dns, detail.connect, detail.tls, detail.first_byte]
}

fn url() -> String {
    format!("https://{NAME}/in")
}

#[tokio::test]
async fn each_step_of_an_attempt_is_measured_apart_and_a_kept_connection_has_no_steps() {
    for (alpn, version) in [(b"h2".as_slice(), "HTTP/2.0"), (b"http/1.1", "HTTP/1.1")] {
        let clock = ManualClock::default();
        let (acceptor, root) = acceptor(params(NAME), alpn);
        let server = serve(&clock, acceptor).await;
        let options = options(&clock, server, Some(root), [Address::Accepts; 2]);
        let made = attempts(&clock, options, &url(), 2).await;
        let [(first, opened), (second, kept)] = &made[..] else { panic!("{made:?}") };

        assert_eq!(times(opened), [Some(LOOKUP), Some(DIAL), Some(HANDSHAKE), Some(RESPONSE)], "{version}");
        assert_eq!(first.duration, LOOKUP + DIAL + HANDSHAKE + RESPONSE);
        assert_eq!(times(kept), [None, None, None, Some(RESPONSE)], "{version}");
        assert_eq!(second.duration, RESPONSE);
        assert_eq!((opened.tls_resumed, kept.tls_resumed), (Some(false), None));
        for detail in [opened, kept] {
            assert_eq!((detail.tls_version.as_deref(), detail.tls_failure.as_deref()), (Some("TLS 1.3"), None));
            assert_eq!((detail.version.as_deref(), detail.status), (Some(version), Some(200)));
            assert_eq!((&*detail.method, detail.address), ("POST", Some(FIRST)));
        }
    }
}

#[tokio::test]
async fn a_detail_says_that_a_session_was_resumed() {
    let clock = ManualClock::default();
    let (acceptor, root) = acceptor(params(NAME), b"http/1.1");
    let server = serve(&clock, acceptor).await;
    let options = options(&clock, server, Some(root), [Address::Accepts; 2]).idle_timeout(Duration::ZERO);
    let made = attempts(&clock, options, &url(), 2).await;
    assert_eq!(made.iter().map(|(_, detail)| detail.tls_resumed).collect::<Vec<_>>(), [Some(false), Some(true)]);
    assert_eq!(times(&made[1].1), [Some(LOOKUP), Some(DIAL), Some(HANDSHAKE), Some(RESPONSE)]);
}

#[tokio::test]
async fn the_time_to_connect_is_that_of_the_address_that_accepts() {
    let clock = ManualClock::default();
    let (acceptor, root) = acceptor(params(NAME), b"http/1.1");
    let server = serve(&clock, acceptor).await;
    let options = options(&clock, server, Some(root), [Address::Refuses, Address::Accepts]);
    let (attempt, detail) = attempts(&clock, options, &url(), 1).await.remove(0);
    assert_eq!((detail.connect, detail.address), (Some(DIAL), Some(SECOND)));
    assert_eq!(attempt.duration, LOOKUP + DIAL * 2 + HANDSHAKE + RESPONSE, "the first address took time as well");
    let earlier = &serde_json::to_value(&detail).unwrap()["earlier"];
    assert_eq!(earlier, &serde_json::to_value(DIAL).unwrap(), "the console shows it before the other steps");
}

/// No server takes part, so the time of tokio is paused: it moves only if everything waits.
#[tokio::test(start_paused = true)]
async fn a_failed_attempt_shows_how_long_each_step_took_until_it_failed() {
    use Address::{Hangs, Refuses};
    let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
    let unknown = "https://unknown.example.com/in";
    for (addresses, url, outcome, times_expected) in [
        ([Refuses; 2], &*url(), Outcome::Connect, [Some(LOOKUP), Some(DIAL * 2), None, None]),
        ([Hangs; 2], &*url(), Outcome::Connect, [Some(LOOKUP), Some(DIAL * 2), None, None]),
        ([Refuses; 2], unknown, Outcome::Dns, [Some(LOOKUP), None, None, None]),
    ] {
        let clock = ManualClock::default();
        let options = options(&clock, nobody, None, addresses).connect_timeout(Duration::from_secs(5));
        let (attempt, detail) = attempts(&clock, options, url, 1).await.remove(0);
        assert_eq!((attempt.outcome, times(&detail)), (outcome, times_expected), "{addresses:?}");
        assert_eq!(attempt.duration, times_expected.into_iter().flatten().sum::<Duration>(), "{addresses:?}");
        assert_eq!((detail.tls_version, detail.tls_failure, detail.status), (None, None, None));
    }
}

#[tokio::test]
async fn a_blocked_attempt_does_not_show_how_far_away_the_forbidden_address_is() {
    let clock = ManualClock::default();
    let (acceptor, root) = acceptor(params(NAME), b"http/1.1");
    let server = serve(&clock, acceptor).await;
    let options = options(&clock, server, Some(root), [Address::Misleads; 2]);
    let (attempt, detail) = attempts(&clock, options, &url(), 1).await.remove(0);
    assert_eq!((attempt.outcome, detail.address), (Outcome::Blocked, None));
    assert_eq!(times(&detail), [Some(LOOKUP), None, None, None]);
}

#[tokio::test]
async fn a_detail_names_why_tls_failed() {
    let (mut expired, mut early) = (params(NAME), params(NAME));
    expired.not_after = date_time_ymd(2020, 1, 1);
    early.not_before = date_time_ymd(2999, 1, 1);
    for (params, alpn, is_trusted, cause) in [
        (expired, b"h2".as_slice(), true, "expired"),
        (early, b"h2", true, "not_yet_valid"),
        (params("other.example.com"), b"h2", true, "wrong_name"),
        (params(NAME), b"h2", false, "unknown_issuer"),
        (params(NAME), b"acme/1", true, "no_shared_protocol"),
    ] {
        let clock = ManualClock::default();
        let (acceptor, root) = acceptor(params, alpn);
        let server = serve(&clock, acceptor).await;
        let options = options(&clock, server, is_trusted.then_some(root), [Address::Accepts; 2]);
        let (attempt, detail) = attempts(&clock, options, &url(), 1).await.remove(0);
        assert_eq!((attempt.outcome, detail.tls_failure.as_deref()), (Outcome::Tls, Some(cause)));
        assert_eq!(times(&detail), [Some(LOOKUP), Some(DIAL), Some(HANDSHAKE), None], "{cause}");
        assert_eq!((detail.tls_version, detail.tls_resumed), (None, None), "{cause}");
    }
}
