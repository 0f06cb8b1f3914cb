//! What TLS costs a delivery: a connection for each delivery with a full handshake, the same with a resumed session, and a connection
//! that is kept. HTTP/1.1 and HTTP/2. CPU time of this process alone; the receiver is another one.
//!
//! One sender with the memory store delivers to 64 hosts, all at one receiver. All figures include the rest of a delivery, so the price of
//! a handshake is the difference to a kept connection.
//!
//! Run it with `cargo bench -p hookwire-tests --bench tls`. `HOOKWIRE_BENCH_EVENTS` sets the number of events of each figure (default 6,400).
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and stops at a fault")]

#[path = "parts/cpu.rs"]
mod cpu;

use std::convert::Infallible;
use std::io::BufRead;
use std::net::IpAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookwire::endpoint::NewEndpoint;
use hookwire::event::NewEvent;
use hookwire::id::Work;
use hookwire::sender::Sender;
use hookwire::sender::egress::{EgressPolicy, Resolve};
use hookwire::sender::http::HttpOptions;
use hookwire::store::{History, MemoryStore, Outbox};
use hookwire::worker::CancellationToken;
use http_body_util::{BodyExt, Empty};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use self::cpu::cpu;

const HOSTS: usize = 64;
const ROUNDS: usize = 3;

#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    sessions: usize,
    idle: Duration,
}

const CASES: [Case; 3] = [
    Case { name: "full handshake", sessions: 0, idle: Duration::ZERO },
    Case { name: "resumed session", sessions: 1_000, idle: Duration::ZERO },
    Case { name: "kept connection", sessions: 1_000, idle: Duration::from_secs(60) },
];

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if std::env::args().any(|argument| argument == "receiver") {
        return runtime.block_on(serve());
    }
    let events = std::env::var("HOOKWIRE_BENCH_EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(6_400);
    let (mut receiver, port, certificate) = start_receiver();
    for (version, is_http1) in [("HTTP/1.1", true), ("HTTP/2", false)] {
        for case in CASES {
            let micros = (0..ROUNDS).map(|_| {
                let before = cpu();
                runtime.block_on(deliver(case, is_http1, port, &certificate, events));
                (cpu() - before).as_secs_f64() * 1e6 / f64::from(events)
            });
            let micros = micros.fold(f64::INFINITY, f64::min);
            println!("{version:<10}{:<18}{micros:>8.1} us of CPU for each delivery", case.name);
        }
    }
    receiver.kill().unwrap();
    receiver.wait().unwrap();
}

async fn deliver(case: Case, is_http1: bool, port: u16, certificate: &CertificateDer<'static>, events: u32) {
    let egress = EgressPolicy::default().dangerous_allow_loopback();
    let options = HttpOptions::default().egress(egress).tls(trusting(certificate)).resolver(Loopback);
    let options = options.tls_sessions(case.sessions).idle_timeout(case.idle);
    let options = if is_http1 { options.http1_only() } else { options };
    let store = MemoryStore::new();
    let sender = Sender::builder(store.clone()).http(options).build().unwrap();
    for host in 0..HOSTS {
        let url = format!("https://host-{host}.bench.example:{port}/");
        let endpoint = NewEndpoint::https(&url).unwrap().tenant(format!("tenant-{host}"));
        sender.endpoints().create(endpoint).await.unwrap();
    }
    for turn in 0..events {
        let event = NewEvent::raw("bench.made", "application/json", Bytes::from_static(&[b'1'; 1_024])).unwrap();
        sender.dispatch(event.tenant(format!("tenant-{}", turn as usize % HOSTS))).await.unwrap();
    }
    let stop = CancellationToken::new();
    let worker = tokio::spawn(sender.worker().run(stop.clone()));
    while !store.lanes(Work::Sent, None, 1).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.cancel();
    worker.await.unwrap().unwrap();
    assert_eq!(store.counts(Work::Sent, None).await.unwrap().failed, 0, "each event was delivered");
}

/// Resolves every name to the loopback address.
#[derive(Debug)]
struct Loopback;

#[async_trait::async_trait]
impl Resolve for Loopback {
    async fn resolve(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(vec![IpAddr::from([127, 0, 0, 1])])
    }
}

fn trusting(certificate: &CertificateDer<'static>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    builder.with_root_certificates(roots).with_no_client_auth()
}

/// Starts a receiver, and returns its port and its certificate.
fn start_receiver() -> (Child, u16, CertificateDer<'static>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let mut child = command.arg("receiver").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let (port, certificate) = line.trim().split_once(' ').unwrap();
    (child, port.parse().unwrap(), hex::decode(certificate).unwrap().into())
}

/// Responds with 204 to every request, over TLS. Ends with its parent process.
async fn serve() {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["*.bench.example".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let mut config = builder.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.session_storage = rustls::server::ServerSessionMemoryCache::new(10_000);
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{} {}", listener.local_addr().unwrap().port(), hex::encode(cert.der()));
    std::thread::spawn(|| {
        let _parent_ended = std::io::stdin().read_line(&mut String::new());
        std::process::exit(0);
    });
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let respond = service_fn(|request: http::Request<hyper::body::Incoming>| async {
                let _body = request.into_body().collect().await;
                let response = http::Response::builder().status(204).body(Empty::<Bytes>::new());
                Ok::<_, Infallible>(response.unwrap())
            });
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            let _ended = server.serve_connection(TokioIo::new(stream), respond).await;
        });
    }
}
