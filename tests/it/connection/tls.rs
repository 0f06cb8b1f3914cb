//! Connections over TLS and HTTP/2 that fail or become unusable.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hookwire::outcome::Outcome;
use hookwire::sender::egress::Resolve;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, HandshakeKind, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::frames::{self, Peer};
use super::{client, options, post, serve};

/// A server certificate for 127.0.0.1, and the client configuration that trusts it.
pub struct Certified {
    key: CertifiedKey<rcgen::KeyPair>,
    roots: Arc<RootCertStore>,
}

impl Certified {
    pub fn new() -> Self {
        Self::of(vec!["127.0.0.1".to_owned()])
    }

    fn of(names: Vec<String>) -> Self {
        let key = generate_simple_self_signed(names).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(key.cert.der().clone()).unwrap();
        Self { key, roots: Arc::new(roots) }
    }

    pub fn client(&self) -> ClientConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        builder.with_root_certificates(self.roots.clone()).with_no_client_auth()
    }

    pub fn acceptor(&self, requires_client_certificate: bool) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots.clone(), provider.clone());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let builder = match requires_client_certificate {
            true => builder.with_client_cert_verifier(verifier.build().unwrap()),
            false => builder.with_no_client_auth(),
        };
        let key = PrivateKeyDer::try_from(self.key.signing_key.serialize_der()).unwrap();
        let mut config = builder.with_single_cert(vec![self.key.cert.der().clone()], key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

pub type Secured = Peer<TlsStream<TcpStream>>;

pub async fn secure(acceptor: TlsAcceptor, stream: TcpStream) -> Secured {
    Peer::greet(acceptor.accept(stream).await.unwrap()).await
}

#[tokio::test]
async fn f_05_a_server_that_requires_a_client_certificate_is_a_tls_failure() {
    let certified = Certified::new();
    let acceptor = certified.acceptor(true);
    let (address, _) = serve(move |_, stream| {
        let acceptor = acceptor.clone();
        async move {
            let (_, mut stream) = acceptor.accept(stream).into_fallible().await.unwrap_err();
            // Read to the end: closing with unread bytes sends a reset, which may arrive before the alert.
            tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.unwrap();
        }
    })
    .await;
    let client = client(options().tls(certified.client()));

    let report = post(&client, &format!("https://{address}/")).await;

    assert_eq!(report.outcome, Outcome::Tls);
}

#[tokio::test]
async fn f_19_a_request_that_goaway_reports_as_not_processed_is_repeated_once() {
    let certified = Certified::new();
    let acceptor = certified.acceptor(false);
    let (address, connections) = serve(move |number, stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut peer = secure(acceptor, stream).await;
            let first = peer.next_request().await.unwrap();
            peer.respond(first).await;
            if number == 0 {
                peer.next_request().await.unwrap();
                // Last processed stream 1, no error (RFC 9113 section 6.8).
                peer.send(frames::GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]).await;
            }
            peer.respond_to_all().await;
        }
    })
    .await;
    let client = client(options().tls(certified.client()));
    let url = format!("https://{address}/");
    assert_eq!(post(&client, &url).await.outcome, Outcome::Status(200));

    assert_eq!(post(&client, &url).await.outcome, Outcome::Status(200));

    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn f_19_a_server_that_refuses_every_stream_gets_two_requests_and_no_more() {
    let certified = Certified::new();
    let acceptor = certified.acceptor(false);
    let (address, connections) = serve(move |_, stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut peer = secure(acceptor, stream).await;
            while let Some(stream) = peer.next_request().await {
                peer.send(frames::RST_STREAM, 0, stream, &frames::REFUSED_STREAM).await;
            }
        }
    })
    .await;
    let client = client(options().tls(certified.client()));

    let report = post(&client, &format!("https://{address}/")).await;

    assert_eq!(report.outcome, Outcome::Reset);
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

/// Resolves every name to the loopback address.
#[derive(Debug)]
struct Loopback;

#[async_trait]
impl Resolve for Loopback {
    async fn resolve(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(vec![IpAddr::from([127, 0, 0, 1])])
    }
}

/// Posts twice to each of 40 hosts, on a new connection each time. Their certificate has this number of other names. Returns the number of
/// handshakes that resumed a session.
async fn resumed(sessions: usize, names: usize) -> usize {
    let others = (0..names).map(|number| format!("another-host-with-a-long-name-{number}.example"));
    let certified = Certified::of(std::iter::once("*.hosts.example".to_owned()).chain(others).collect());
    let acceptor = certified.acceptor(false);
    let resumed = Arc::new(AtomicUsize::new(0));
    let counter = resumed.clone();
    let (address, connections) = serve(move |_, stream| {
        let (acceptor, counter) = (acceptor.clone(), counter.clone());
        async move {
            let stream = acceptor.accept(stream).await.unwrap();
            let is_resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
            counter.fetch_add(usize::from(is_resumed), Ordering::SeqCst);
            Peer::greet(stream).await.respond_to_all().await;
        }
    })
    .await;
    let options = options().tls(certified.client()).tls_sessions(sessions).idle_timeout(Duration::ZERO);
    let client = client(options.resolver(Loopback));
    for _ in 0..2 {
        for host in 0..40 {
            let url = format!("https://host-{host}.hosts.example:{}/", address.port());
            assert_eq!(post(&client, &url).await.outcome, Outcome::Status(200));
        }
    }
    assert_eq!(connections.load(Ordering::SeqCst), 80);
    resumed.load(Ordering::SeqCst)
}

#[tokio::test]
async fn the_second_connection_to_a_host_resumes_the_session_of_the_first() {
    assert_eq!(resumed(1_000, 0).await, 40);
    assert_eq!(resumed(0, 0).await, 0);
}

/// A session contains the certificates of the server, so a hostile server could fill the memory.
#[tokio::test]
async fn a_session_with_a_long_certificate_is_not_kept() {
    assert_eq!(resumed(1_000, 400).await, 0);
}

/// Without pings, a connection that a firewall has dropped would be reused until TCP gives up after about 15 minutes, because
/// every use of a shared connection restarts its idle timeout.
#[tokio::test]
async fn an_unresponsive_http_2_connection_is_replaced_within_one_exchange() {
    let certified = Certified::new();
    let acceptor = certified.acceptor(false);
    let (address, connections) = serve(move |number, stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut peer = secure(acceptor, stream).await;
            if number > 0 {
                return peer.respond_to_all().await;
            }
            let first = peer.next_request().await.unwrap();
            peer.respond(first).await;
            std::future::pending::<()>().await; // stays open and reads nothing
        }
    })
    .await;
    let client = client(options().tls(certified.client()).exchange_timeout(Duration::from_secs(4)));
    let url = format!("https://{address}/");
    assert_eq!(post(&client, &url).await.outcome, Outcome::Status(200));

    assert_eq!(post(&client, &url).await.outcome, Outcome::Status(200));

    assert_eq!(connections.load(Ordering::SeqCst), 2);
}
