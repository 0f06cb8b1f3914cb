//! Endpoints that cannot be reached (no address, no connection), and proxy settings of the environment, which are ignored.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use hookwire::clock::SystemClock;
use hookwire::outcome::Outcome;
use hookwire::sender::egress::{Dial, Dialed, EgressPolicy, Resolve};
use hookwire::sender::http::{HttpClient, HttpOptions};
use hookwire::testing::http::exchange;

use crate::support::server::{Reply, Server};

const URL: &str = "HOOKWIRE_TEST_URL";

/// How the lookup of every name fails.
#[derive(Clone, Copy, Debug)]
enum Names {
    NotFound,
    NoAddress,
    Silent,
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        match self {
            Self::NotFound => Err(io::Error::other("no such name")),
            Self::NoAddress => Ok(Vec::new()),
            Self::Silent => std::future::pending().await,
        }
    }
}

/// Resolves every name to two public addresses. A connection to them is never established.
#[derive(Clone, Copy, Debug)]
struct Unreachable;

#[async_trait]
impl Resolve for Unreachable {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec![[93, 184, 216, 34].into(), [93, 184, 216, 35].into()])
    }
}

#[async_trait]
impl Dial for Unreachable {
    async fn dial(&self, _: SocketAddr) -> io::Result<Dialed> {
        std::future::pending().await
    }
}

async fn post(options: HttpOptions, url: &str) -> Outcome {
    let client = HttpClient::new(options, Arc::new(SystemClock)).unwrap();
    let make = || http::Request::post(url).body(Bytes::from_static(b"{}")).unwrap();
    exchange(&client, None, make).await.outcome
}

#[tokio::test(start_paused = true)]
async fn f_01_a_name_that_does_not_resolve_is_a_dns_failure_within_three_seconds() {
    for names in [Names::NotFound, Names::NoAddress, Names::Silent] {
        let started = tokio::time::Instant::now();
        let outcome = post(HttpOptions::default().resolver(names), "https://hooks.example.com/").await;
        assert_eq!(outcome, Outcome::Dns, "{names:?}");
        // The clock of the test is paused: it advances only to the next timeout.
        let waited = if matches!(names, Names::Silent) { 3 } else { 0 };
        assert_eq!(started.elapsed().as_secs(), waited, "{names:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn f_03_an_unreachable_address_fails_after_the_connect_timeout() {
    let started = tokio::time::Instant::now();
    let outcome =
        post(HttpOptions::default().resolver(Unreachable).dialer(Unreachable), "https://hooks.example.com/").await;
    assert_eq!(outcome, Outcome::Connect);
    assert_eq!(started.elapsed().as_secs(), 5);
}

/// The first address refuses or never replies. The second one leads to the server.
#[derive(Clone, Copy, Debug)]
struct FirstDead {
    refuses: bool,
    server: SocketAddr,
}

#[async_trait]
impl Dial for FirstDead {
    async fn dial(&self, address: SocketAddr) -> io::Result<Dialed> {
        if address.ip() == IpAddr::from([93, 184, 216, 35]) {
            let stream = tokio::net::TcpStream::connect(self.server).await?;
            return Ok(Dialed::proxied(stream, address.ip()));
        }
        if self.refuses {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        std::future::pending().await
    }
}

#[tokio::test]
async fn f_04_a_dead_first_address_leaves_time_for_the_next_one() {
    let server = Server::start(|_| Reply::status(204)).await;
    let address = server.url("").strip_prefix("http://").unwrap().parse().unwrap();
    for refuses in [true, false] {
        let egress = EgressPolicy::default().dangerous_allow_http();
        let options = HttpOptions::default().egress(egress).resolver(Unreachable);
        let dialer = FirstDead { refuses, server: address };
        let outcome = post(options.dialer(dialer), "http://hooks.example.com/").await;
        assert_eq!(outcome, Outcome::Status(204), "refuses: {refuses}");
    }
    assert_eq!(server.requests().len(), 2);
}

/// Runs the client in a child process, because environment variables belong to the whole process.
#[tokio::test]
async fn no_proxy_is_read_from_the_environment() {
    let endpoint = Server::start(|_| Reply::status(200)).await;
    let proxy = Server::start(|_| Reply::status(502)).await;
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "http_client::unreachable::posts_once", "--ignored"]);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(name, proxy.url("/"));
    }
    child.env_remove("NO_PROXY").env_remove("no_proxy").env(URL, endpoint.url("/"));
    let mut child = child.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    assert!(status.success());
    assert_eq!((endpoint.requests().len(), proxy.requests().len()), (1, 0));
}

#[tokio::test]
#[ignore = "runs in a child process with proxy variables"]
async fn posts_once() {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let url = std::env::var(URL).expect("started only by another test");
    assert_eq!(post(HttpOptions::default().egress(egress), &url).await, Outcome::Status(200));
}
