//! One HTTP exchange. Unlike the sender's client, it connects to any address, because the user of the tool chooses the address.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, Response, Uri};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio_rustls::TlsConnector;

use super::failure::Failure;

/// The time limit of an exchange.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest response that is read, in bytes.
const MAX_RESPONSE: usize = 16 << 20;

/// Sends a request to its URL and reads the response.
pub(crate) async fn exchange(request: Request<Bytes>) -> Result<Response<Bytes>, Failure> {
    let place = place(request.uri());
    let late = || Failure::new(format!("{place}: no response within {} s", TIMEOUT.as_secs()));
    tokio::time::timeout(TIMEOUT, connected(request)).await.map_err(|_| late())?
}

/// Returns the host and the port of a URL, for messages.
pub(crate) fn place(uri: &Uri) -> String {
    uri.authority().map_or_else(|| "the URL".to_owned(), ToString::to_string)
}

/// Returns the host, the port, and whether TLS is used.
pub(crate) fn parts(uri: &Uri) -> Result<(String, u16, bool), Failure> {
    let is_tls = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(Failure::new(format!("{uri}: begin the URL with http:// or https://"))),
    };
    let host =
        uri.host().ok_or_else(|| Failure::new(format!("{uri}: has no host; write it after http:// or https://")))?;
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    Ok((host.trim_matches(['[', ']']).to_owned(), port, is_tls))
}

/// Connects to an address.
#[expect(clippy::disallowed_methods, reason = "no guard: the user of the tool chooses the address")]
pub(crate) async fn connect(address: impl ToSocketAddrs) -> std::io::Result<TcpStream> {
    TcpStream::connect(address).await
}

async fn connected(request: Request<Bytes>) -> Result<Response<Bytes>, Failure> {
    let (host, port, is_tls) = parts(request.uri())?;
    let named = |error: std::io::Error| Failure::new(format!("{host}:{port}: {error}"));
    let stream = connect((host.as_str(), port)).await.map_err(named)?;
    if is_tls { over(request, tls(&host, stream).await?).await } else { over(request, stream).await }
}

/// Makes the TLS handshake, and checks the certificate against the public certificate authorities.
pub(crate) async fn tls(host: &str, stream: TcpStream) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Failure> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned())?;
    Ok(TlsConnector::from(Arc::new(config)).connect(name, stream).await?)
}

async fn over<S>(request: Request<Bytes>, stream: S) -> Result<Response<Bytes>, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driving = tokio::spawn(connection);
    let (mut parts, body) = request.into_parts();
    if let Some(authority) = parts.uri.authority() {
        parts.headers.insert(HOST, HeaderValue::try_from(authority.as_str())?);
    }
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    parts.uri = target.parse()?;
    parts.version = http::Version::HTTP_11;
    let response = sender.send_request(Request::from_parts(parts, Body::from(body))).await?;
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(Body::new(body), MAX_RESPONSE).await;
    driving.abort();
    Ok(Response::from_parts(parts, body.map_err(|error| Failure::new(error.to_string()))?))
}
