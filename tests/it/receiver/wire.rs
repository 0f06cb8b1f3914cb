//! R-23, R-24 and client behaviour on real connections, byte for byte.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use hookwire::receiver::{Receiver, Source, VerifiedBody};
use hookwire::store::MemoryDedup;
use hookwire::testing::ManualClock;
use http::{Request, Response};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer as _, service_fn};

use super::{signed, standard};

/// Serves one connection; the handler counts its runs.
async fn connect(source: Source) -> (TcpStream, Arc<AtomicUsize>) {
    let runs = Arc::new(AtomicUsize::new(0));
    let counting = runs.clone();
    let handler = service_fn(move |_: Request<VerifiedBody>| {
        counting.fetch_add(1, Ordering::SeqCst);
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) }
    });
    let receiver = Receiver::builder(MemoryDedup::new()).clock(ManualClock::default()).source(source).build().unwrap();
    let service = receiver.gate("standard").unwrap().layer(handler);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    tokio::spawn(async move {
        let connection = hyper::server::conn::http1::Builder::new();
        drop(connection.serve_connection(TokioIo::new(server), TowerToHyperService::new(service)).await);
    });
    (client, runs)
}

fn head(id: &str, body: &'static str, framing: &str) -> String {
    let mut text = format!("POST /hooks HTTP/1.1\r\nhost: localhost\r\n{framing}\r\n");
    for (name, value) in signed(id, body).headers() {
        text += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    text + "\r\n"
}

async fn exchange(client: &mut TcpStream, request: &str) -> String {
    client.write_all(request.as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn chunked_bodies_and_bodies_with_a_length_are_verified_in_the_same_way() {
    for (framing, body) in
        [("content-length: 7", r#"{"n":1}"#), ("transfer-encoding: chunked", "3\r\n{\"n\r\n4\r\n\":1}\r\n0\r\n\r\n")]
    {
        let (mut client, runs) = connect(standard()).await;
        let answer = exchange(&mut client, &(head("evt", r#"{"n":1}"#, framing) + body)).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{framing}: {answer}");
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn r_24_contradicting_lengths_smuggle_no_second_request() {
    let hidden = head("hidden", "{}", "content-length: 2") + "{}";
    // A proxy that uses the length sees one body; a server that uses the chunks would see a second request.
    let framing = format!("content-length: {}\r\ntransfer-encoding: chunked", 5 + hidden.len());
    let (mut client, runs) = connect(standard()).await;
    let answer = exchange(&mut client, &(head("evt", "", &framing) + "0\r\n\r\n" + &hidden)).await;
    assert!(runs.load(Ordering::SeqCst) <= 1, "{answer}");
    assert!(answer.matches("HTTP/1.1 200").count() <= 1, "{answer}");
}

#[tokio::test]
async fn r_24_two_lengths_are_rejected() {
    let (mut client, runs) = connect(standard()).await;
    let framing = "content-length: 2\r\ncontent-length: 40";
    let answer = exchange(&mut client, &(head("evt", "{}", framing) + "{}")).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn r_21_a_body_too_large_is_answered_at_once_and_the_connection_is_closed() {
    let (mut client, runs) = connect(standard()).await;
    client.write_all(head("evt", "{}", "content-length: 9000000").as_bytes()).await.unwrap();
    // The client sent no byte of the body.
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("connection: close"), "{answer}");
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_body_cut_short_by_the_client_runs_no_handler() {
    let (mut client, runs) = connect(standard()).await;
    exchange(&mut client, &(head("evt", "{}", "content-length: 200") + "{}")).await;
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}
