//! Requests through forward proxies on loopback.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::outcome::Outcome;
use hookwire::retry::{Policy, Schedule};
use hookwire::sender::Sender;
use hookwire::sender::egress::{EgressPolicy, ProxyDialer};
use hookwire::sender::http::HttpOptions;
use hookwire::store::MemoryStore;
use hookwire::worker::CancellationToken;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::server::{Reply, Server};
use crate::support::until;

/// The targets that a proxy was asked to connect to.
type Targets = Arc<Mutex<Vec<String>>>;

/// An HTTP or SOCKS 5 proxy that accepts only the credentials `user:secret`.
async fn proxy(socks: bool) -> (SocketAddr, Targets) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, targets) = (listener.local_addr().unwrap(), Targets::default());
    let log = targets.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let log = log.clone();
            tokio::spawn(async move {
                let target = if socks { socks5(&mut stream).await } else { connect(&mut stream).await };
                let Some(target) = target else { return };
                log.lock().unwrap().push(target.to_string());
                let mut onward = TcpStream::connect(target).await.unwrap();
                let _ended = tokio::io::copy_bidirectional(&mut stream, &mut onward).await;
            });
        }
    });
    (address, targets)
}

async fn connect(stream: &mut TcpStream) -> Option<SocketAddr> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    // Basic authentication with `user:secret`.
    if !head.contains("Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=") {
        stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await.unwrap();
        return None;
    }
    stream.write_all(b"HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n").await.unwrap();
    head.strip_prefix("CONNECT ")?.split(' ').next()?.parse().ok()
}

async fn socks5(stream: &mut TcpStream) -> Option<SocketAddr> {
    let mut hello = [0; 3];
    stream.read_exact(&mut hello).await.ok()?;
    if hello != [5, 1, 2] {
        stream.write_all(&[5, 0xff]).await.unwrap();
        return None;
    }
    stream.write_all(&[5, 2]).await.unwrap();
    let mut login = [0; 13];
    stream.read_exact(&mut login).await.ok()?;
    let known = login == *b"\x01\x04user\x06secret";
    stream.write_all(&[1, u8::from(!known)]).await.unwrap();
    let mut request = [0; 10];
    stream.read_exact(&mut request).await.ok()?;
    assert_eq!(request[..4], [5, 1, 0, 1]);
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
    let ip = [request[4], request[5], request[6], request[7]];
    Some(SocketAddr::from((ip, u16::from_be_bytes([request[8], request[9]]))))
}

async fn outcome(dialer: ProxyDialer, server: &Server, path: &str) -> Outcome {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let once = Policy::new(Schedule::from_iter([]));
    let http = HttpOptions::default().egress(egress).dialer(dialer);
    let sender = Sender::builder(MemoryStore::new()).http(http).retry(once).build().unwrap();
    let target = Target::parse(&server.url(path)).unwrap();
    sender.endpoints().create(NewEndpoint::at(target)).await.unwrap();
    let stop = CancellationToken::new();
    let worker = tokio::spawn(sender.worker().run(stop.clone()));
    let id = sender.dispatch(NewEvent::json("a.b", &1).unwrap()).await.unwrap().deliveries[0];
    until(|| async { sender.history().delivery(id).await.unwrap().unwrap().state.is_final() }).await;
    stop.cancel();
    worker.await.unwrap().unwrap();
    sender.history().attempts(id).await.unwrap()[0].outcome
}

#[tokio::test]
async fn requests_go_through_a_proxy_to_the_checked_address_and_no_other() {
    let server = Server::start(|_| Reply::status(204)).await;
    let target = server.url("").replace("http://", "");
    for socks in [false, true] {
        let (address, targets) = proxy(socks).await;
        let dialer = if socks { ProxyDialer::socks5(address) } else { ProxyDialer::http(address) };
        let authenticated = dialer.clone().credentials("user", "secret");
        assert_eq!(outcome(authenticated, &server, "/in").await, Outcome::Status(204), "socks: {socks}");
        assert_eq!(targets.lock().unwrap().join(" "), target);
        for unauthorized in [dialer.clone(), dialer.clone().credentials("user", "guess!")] {
            assert_eq!(outcome(unauthorized, &server, "/in").await, Outcome::Connect, "socks: {socks}");
        }
    }
    assert_eq!(server.requests().len(), 2);
    let shown = format!("{:?}", ProxyDialer::http("127.0.0.1:1".parse().unwrap()).credentials("user", "secret"));
    assert!(!shown.contains("secret"));
}

#[tokio::test]
async fn an_invalid_response_of_a_proxy_is_a_connect_failure() {
    let server = Server::start(|_| Reply::status(204)).await;
    for response in [vec![b'x'; 20_000], b"HTTP/1.1 502 Bad Gateway\r\n\r\n".to_vec(), Vec::new()] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _closed = stream.write_all(&response).await;
            }
        });
        let outcome = outcome(ProxyDialer::http(address), &server, "/in").await;
        assert!(matches!(outcome, Outcome::Connect), "{outcome:?}");
    }
}
