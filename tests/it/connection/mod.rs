//! The HTTP client with connections that break, stall or are abused. The servers work at byte level.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod descriptors;
mod dns;
mod frames;
mod held;
mod names;
mod proxy;
mod shared;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hookwire::clock::SystemClock;
use hookwire::outcome::{Outcome, Report};
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::http::{HttpClient, HttpOptions};
use hookwire::testing::http::exchange;
use http::{Method, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn options() -> HttpOptions {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    HttpOptions::default().egress(egress)
}

fn client(options: HttpOptions) -> HttpClient {
    HttpClient::new(options, Arc::new(SystemClock)).unwrap()
}

async fn post(client: &HttpClient, url: &str) -> Report {
    let make = || {
        let request = Request::builder().method(Method::POST).uri(url).body(Bytes::from_static(b"{}"));
        request.unwrap()
    };
    exchange(client, None, make).await
}

/// A server that passes each connection and its number, counted from 0, to `handle`. Also returns the number of connections.
async fn serve<F>(handle: impl Fn(usize, TcpStream) -> F + Send + 'static) -> (SocketAddr, Arc<AtomicUsize>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, count) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counter = count.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(handle(counter.fetch_add(1, Ordering::SeqCst), stream));
        }
    });
    (address, count)
}

/// Reads one request with the body `{}`. Returns false at the end of the stream.
async fn read_request(stream: &mut TcpStream) -> bool {
    let (mut seen, mut buffer) = (Vec::new(), [0; 4_096]);
    while !seen.ends_with(b"\r\n\r\n{}") {
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => seen.extend_from_slice(&buffer[..read]),
            _ => return false,
        }
    }
    true
}

async fn respond_ok(stream: &mut TcpStream) {
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
}

#[tokio::test]
async fn f_20_the_second_try_of_an_attempt_reports_its_own_timeout() {
    let (address, connections) = serve(|number, mut stream| async move {
        read_request(&mut stream).await;
        if number == 0 {
            respond_ok(&mut stream).await;
            read_request(&mut stream).await; // then closes the connection without a response
        } else {
            std::future::pending::<()>().await; // never responds
        }
    })
    .await;
    let client = client(options().exchange_timeout(Duration::from_millis(500)));
    let url = format!("http://{address}/");
    assert_eq!(post(&client, &url).await.outcome, Outcome::Status(200));

    let report = post(&client, &url).await;

    assert_eq!(connections.load(Ordering::SeqCst), 2);
    assert_eq!((report.outcome, report.excerpt), (Outcome::Timeout, None));
}
