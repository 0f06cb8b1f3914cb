//! Over TLS: F-05.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hookwire::clock::SystemClock;
use hookwire::outcome::Outcome;
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::http::{HttpClient, HttpOptions};
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncWriteExt;

use crate::ssrf::fake::{FakeDialer, FakeResolver};

const NAME: &str = "hooks.example.com";

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A server with a self-signed certificate for `name`, speaking `alpn`.
async fn serve(params: CertificateParams, alpn: &[u8]) -> (SocketAddr, CertificateDer<'static>) {
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_no_client_auth().with_single_cert(vec![certificate.clone()], key).unwrap();
    config.alpn_protocols = vec![alpn.to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let service = hyper::service::service_fn(|request: http::Request<hyper::body::Incoming>| async move {
                let version = format!("{:?}", request.version());
                Ok::<_, Infallible>(http::Response::new(Full::new(Bytes::from(version))))
            });
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            tokio::spawn(async move { server.serve_connection(TokioIo::new(stream), service).await.is_ok() });
        }
    });
    (address, certificate)
}

/// What a client that trusts `root` makes of the server; and the answer's body.
async fn post(server: SocketAddr, root: Option<CertificateDer<'static>>) -> (Outcome, Option<Box<str>>) {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(root);
    let tls = rustls::ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_root_certificates(roots).with_no_client_auth();
    let resolver = FakeResolver::new([vec![[93, 184, 216, 34].into()]]);
    let options = HttpOptions::default().egress(EgressPolicy::default()).tls(tls);
    let options = options.resolver(resolver).dialer(FakeDialer::to(server));
    let client = HttpClient::new(options, Arc::new(SystemClock)).unwrap();
    let make = || Ok::<_, Infallible>(http::Request::post(format!("https://{NAME}/")).body(Full::default()).unwrap());
    let report = client.exchange(make).await.unwrap();
    (report.outcome, report.excerpt)
}

fn params(name: &str) -> CertificateParams {
    CertificateParams::new([name.to_owned()]).unwrap()
}

#[tokio::test]
async fn f_05_a_certificate_of_an_own_root_serves_http_2_and_http_1_1() {
    for (alpn, version) in [(b"h2".as_slice(), "HTTP/2.0"), (b"http/1.1", "HTTP/1.1")] {
        let (server, root) = serve(params(NAME), alpn).await;
        assert_eq!(post(server, Some(root)).await, (Outcome::Status(200), Some(version.into())));
    }
}

#[tokio::test]
async fn f_05_self_signed_expired_and_wrong_name_are_tls() {
    let (server, _) = serve(params(NAME), b"h2").await;
    assert_eq!(post(server, None).await.0, Outcome::Tls);
    let (server, root) = serve(params("other.example.com"), b"h2").await;
    assert_eq!(post(server, Some(root)).await.0, Outcome::Tls);
    let mut expired = params(NAME);
    expired.not_after = date_time_ymd(2020, 1, 1);
    let (server, root) = serve(expired, b"h2").await;
    assert_eq!(post(server, Some(root)).await.0, Outcome::Tls);
}

#[tokio::test]
async fn f_05_garbage_in_place_of_a_server_hello_is_tls() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    assert_eq!(post(server, None).await.0, Outcome::Tls);
}
