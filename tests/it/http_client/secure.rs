//! TLS failures (F-05) and protocol negotiation.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hookwire::clock::SystemClock;
use hookwire::outcome::Outcome;
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::http::{HttpClient, HttpOptions};
use hookwire::testing::http::exchange;
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

/// A server with a self-signed certificate that offers one ALPN protocol. Its response body is the HTTP version.
async fn serve(params: CertificateParams, alpn: &[u8]) -> (SocketAddr, CertificateDer<'static>) {
    serve_any(params, &[alpn]).await
}

async fn serve_any(params: CertificateParams, alpn: &[&[u8]]) -> (SocketAddr, CertificateDer<'static>) {
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_no_client_auth().with_single_cert(vec![certificate.clone()], key).unwrap();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
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

/// Posts with a client that trusts `root`. Returns the outcome and the response body.
async fn post(server: SocketAddr, root: Option<CertificateDer<'static>>) -> (Outcome, Option<Box<str>>) {
    post_with(server, root, &[], |options| options).await
}

/// Like `post`, with ALPN protocols and options of the application.
async fn post_with(
    server: SocketAddr,
    root: Option<CertificateDer<'static>>,
    alpn: &[&[u8]],
    adjust: impl FnOnce(HttpOptions) -> HttpOptions,
) -> (Outcome, Option<Box<str>>) {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(root);
    let tls = rustls::ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let mut tls = tls.with_root_certificates(roots).with_no_client_auth();
    tls.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    let resolver = FakeResolver::new([vec![[93, 184, 216, 34].into()]]);
    let options = HttpOptions::default().egress(EgressPolicy::default()).tls(tls);
    let options = options.resolver(resolver).dialer(FakeDialer::to(server));
    let client = HttpClient::new(adjust(options), Arc::new(SystemClock)).unwrap();
    let make = || http::Request::post(format!("https://{NAME}/")).body(Bytes::new()).unwrap();
    let report = exchange(&client, None, make).await;
    (report.outcome, report.excerpt)
}

fn params(name: &str) -> CertificateParams {
    CertificateParams::new([name.to_owned()]).unwrap()
}

#[tokio::test]
async fn f_05_a_private_root_certificate_works_with_http_2_and_http_1_1() {
    for (alpn, version) in [(b"h2".as_slice(), "HTTP/2.0"), (b"http/1.1", "HTTP/1.1")] {
        let (server, root) = serve(params(NAME), alpn).await;
        assert_eq!(post(server, Some(root)).await, (Outcome::Status(200), Some(version.into())));
    }
}

#[tokio::test]
async fn f_05_untrusted_expired_and_misnamed_certificates_are_tls_failures() {
    let (server, _) = serve(params(NAME), b"h2").await;
    assert_cause(post(server, None).await, "issuer is unknown");
    let (server, root) = serve(params("other.example.com"), b"h2").await;
    assert_cause(post(server, Some(root)).await, "for another name");
    let (mut expired, mut early) = (params(NAME), params(NAME));
    expired.not_after = date_time_ymd(2020, 1, 1);
    early.not_before = date_time_ymd(2999, 1, 1);
    for (params, cause) in [(expired, "has expired"), (early, "not valid yet")] {
        let (server, root) = serve(params, b"h2").await;
        assert_cause(post(server, Some(root)).await, cause);
    }
}

fn assert_cause((outcome, text): (Outcome, Option<Box<str>>), cause: &str) {
    let text = text.unwrap();
    assert_eq!(outcome, Outcome::Tls);
    assert!(text.contains(cause), "{text}");
    assert!(!text.contains("example.com"), "the text contains no name: {text}");
}

#[tokio::test]
async fn a_missing_common_protocol_is_named_in_the_report() {
    for alpn in [b"acme/1".as_slice(), b"http/1.0"] {
        let (server, root) = serve(params(NAME), alpn).await;
        assert_cause(post(server, Some(root)).await, "no common application protocol");
    }
}

#[tokio::test]
async fn only_http_1_1_is_used_if_the_option_or_the_applications_alpn_requires_it() {
    let both: &[&[u8]] = &[b"h2", b"http/1.1"];
    let (server, root) = serve_any(params(NAME), both).await;
    for (alpn, only, version) in [
        (&[][..], false, "HTTP/2.0"),
        (&[][..], true, "HTTP/1.1"),
        (both, true, "HTTP/1.1"),
        (&[&b"http/1.1"[..]][..], false, "HTTP/1.1"),
        (&[&b"http/1.1"[..], b"acme/1"][..], false, "HTTP/1.1"),
    ] {
        let adjust = |options: HttpOptions| if only { options.http1_only() } else { options };
        let result = post_with(server, Some(root.clone()), alpn, adjust).await;
        assert_eq!(result, (Outcome::Status(200), Some(version.into())), "{alpn:?} {only}");
    }
}

#[tokio::test]
async fn f_05_a_server_that_does_not_speak_tls_is_a_tls_failure() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    assert_cause(post(server, None).await, "does not speak TLS");
}
