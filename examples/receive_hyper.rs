//! Receives GitHub's webhooks with bare hyper, no tower: one call reads, verifies, deduplicates and handles.
//!
//! `cargo run --example receive_hyper`
#![expect(clippy::print_stdout, reason = "an example shows what happens")]
#![expect(clippy::disallowed_methods, reason = "the example plays the provider too, and dials")]

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use hookwire::clock::{Clock as _, SystemClock};
use hookwire::provider::GITHUB;
use hookwire::receiver::{Gate, Receiver, Source, Verified};
use hookwire::secret::{Key, Keyring};
use hookwire::signature::Signing;
use hookwire::store::MemoryDedup;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

const SECRET: &str = "it-is-a-secret-to-everybody";

/// Runs for verified events only. After any answer except 2xx, the event would be new again.
async fn handle(event: Verified) -> StatusCode {
    println!("handled {}: {} bytes", event.event_type().unwrap_or("an event"), event.body().len());
    StatusCode::ACCEPTED
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let receiver = Receiver::builder(MemoryDedup::new()).source(Source::github(SECRET)?).build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(serve(listener, receiver.gate("github")?));

    let signed = sign("72d3162e", r#"{"action":"opened"}"#)?;
    let tampered = signed.clone().map(|_| Full::from(r#"{"action":"deleted"}"#));
    let mut renamed = signed.clone();
    renamed.headers_mut().insert("x-github-delivery", "ffffffff".parse()?);

    expect(address, signed.clone(), (StatusCode::ACCEPTED, false), "a signed event").await?;
    expect(address, signed, (StatusCode::ACCEPTED, true), "the same again").await?;
    // GitHub signs no time, so a replay under another id looks the same as another event with an equal body.
    expect(address, renamed, (StatusCode::ACCEPTED, false), "an equal body under another delivery id").await?;
    expect(address, tampered, (StatusCode::UNAUTHORIZED, false), "a tampered one").await?;
    server.abort();
    Ok(())
}

async fn serve(listener: TcpListener, gate: Gate) {
    while let Ok((connection, _)) = listener.accept().await {
        let gate = gate.clone();
        let answer = service_fn(move |request: Request<Incoming>| {
            let gate = gate.clone();
            async move { Ok::<_, Infallible>(gate.receive(request, handle).await.map(Full::new)) }
        });
        // The receiver limits the body; the server must limit the time for headers.
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(10));
        tokio::spawn(http.serve_connection(TokioIo::new(connection), answer));
    }
}

/// Signs as GitHub does. The id is in a header that GitHub does not sign.
fn sign(id: &str, body: &'static str) -> Result<Request<Full<Bytes>>, Box<dyn Error>> {
    let request = Request::post("/").header("host", "localhost").header("x-github-event", "issues");
    let mut request = request.header("x-github-delivery", id).body(Full::from(body))?;
    let signing = Signing { id, timestamp: SystemClock.now(), body: body.as_bytes() };
    GITHUB.sign(&signing, &Keyring::new(Key::text(SECRET)?), request.headers_mut())?;
    Ok(request)
}

async fn expect(
    to: SocketAddr,
    request: Request<Full<Bytes>>,
    expected: (StatusCode, bool),
    what: &str,
) -> Result<(), Box<dyn Error>> {
    let connection = TokioIo::new(TcpStream::connect(to).await?);
    let (mut client, connection) = hyper::client::conn::http1::handshake(connection).await?;
    tokio::spawn(connection);
    let answer: Response<Incoming> = client.send_request(request).await?;
    let duplicate = answer.headers().contains_key("webhook-duplicate");
    println!("{what}: {}{}", answer.status(), if duplicate { ", not handled again" } else { "" });
    if (answer.status(), duplicate) == expected { Ok(()) } else { Err(format!("{what}: not expected").into()) }
}
