//! The cases of `ssrf-cases.json` that need a connection, with the real client. They run over plain `http`, which the guard treats
//! like `https` once it is allowed.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use hookwire::clock::SystemClock;
use hookwire::outcome::Outcome;
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::http::{HttpClient, HttpOptions};
use hookwire::testing::http::exchange;

use super::fake::{FakeDialer, FakeResolver};
use super::table::addresses;
use crate::support::server::{Reply, Server};
use crate::support::vectors;

const PUBLIC: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(93, 184, 216, 34));

fn client(resolver: &FakeResolver, dialer: &FakeDialer) -> HttpClient {
    let options = HttpOptions::default().egress(EgressPolicy::default().dangerous_allow_http());
    HttpClient::new(options.resolver(resolver.clone()).dialer(dialer.clone()), Arc::new(SystemClock)).unwrap()
}

async fn post(client: &HttpClient, url: &str) -> Outcome {
    let make = || http::Request::post(url).body(Bytes::from_static(b"{}")).unwrap();
    exchange(client, None, make).await.outcome
}

/// Sends to a name with this DNS answer, which must be refused. Returns the number of lookups and of dials.
pub fn refused(answer: Vec<IpAddr>) -> (usize, usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (resolver, dialer) = (FakeResolver::new([answer]), FakeDialer::to(([127, 0, 0, 1], 1).into()));
    let outcome = runtime.block_on(async { post(&client(&resolver, &dialer), "http://hooks.example.com/").await });
    assert_eq!(outcome, Outcome::Blocked);
    (resolver.lookups().len(), dialer.dials().len())
}

async fn ok_server() -> (Server, std::net::SocketAddr) {
    at(Server::start(|_| Reply::status(200)).await)
}

fn at(server: Server) -> (Server, std::net::SocketAddr) {
    let address = server.url("").trim_start_matches("http://").parse().unwrap();
    (server, address)
}

#[tokio::test]
async fn dns_001_a_name_is_resolved_once_and_only_that_address_is_dialled() {
    let (_server, address) = ok_server().await;
    let resolver = FakeResolver::new([vec![PUBLIC], vec![[127, 0, 0, 1].into()]]);
    let dialer = FakeDialer::to(address);
    assert_eq!(post(&client(&resolver, &dialer), "http://rebind.example.net/").await, Outcome::Status(200));
    assert_eq!((resolver.lookups().len(), dialer.dials()), (1, vec![PUBLIC]));
}

#[tokio::test]
async fn dns_002_a_name_that_changes_to_a_forbidden_address_is_refused() {
    let (server, address) = ok_server().await;
    let resolver = FakeResolver::new([vec![PUBLIC], vec![[169, 254, 169, 254].into()]]);
    let dialer = FakeDialer::to(address);
    let first = post(&client(&resolver, &dialer), "http://changed-later.example.net/").await;
    let second = post(&client(&resolver, &dialer), "http://changed-later.example.net/").await;
    assert_eq!((first, second), (Outcome::Status(200), Outcome::Blocked));
    assert_eq!((server.requests().len(), dialer.dials()), (1, vec![PUBLIC]));
}

#[tokio::test]
async fn every_forbidden_answer_is_refused_before_a_dial() {
    let vectors = vectors("ssrf-cases.json");
    let (_server, address) = ok_server().await;
    for case in vectors.as_array().unwrap().iter().filter(|case| case["stage"] == "resolve" && case["policy"].is_null())
    {
        let answer = addresses(&case["resolves_to"]);
        let resolver = FakeResolver::new([answer.clone()]);
        let dialer = FakeDialer::to(address);
        let url = case["url"].as_str().unwrap().replacen("https://", "http://", 1);
        let expected = match (case["expect"].as_str().unwrap(), answer.is_empty()) {
            ("allow", _) => Outcome::Status(200),
            (_, true) => Outcome::Dns,
            (_, false) => Outcome::Blocked,
        };
        assert_eq!(post(&client(&resolver, &dialer), &url).await, expected, "{}", case["id"]);
        assert_eq!(dialer.dials().is_empty(), expected != Outcome::Status(200), "{}", case["id"]);
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let vectors = vectors("ssrf-cases.json");
    let cases: Vec<_> = vectors.as_array().unwrap().iter().filter(|case| case["stage"] == "redirect").collect();
    assert_eq!(cases.len(), 10);
    for case in cases {
        let status = u16::try_from(case["redirect"]["status"].as_u64().unwrap()).unwrap();
        let location = case["redirect"]["location"].as_str().unwrap().to_owned();
        let (server, address) = at(Server::start(move |_| Reply::status(status).header("location", &location)).await);
        let (resolver, dialer) = (FakeResolver::new([vec![PUBLIC]]), FakeDialer::to(address));
        let outcome = post(&client(&resolver, &dialer), "http://hooks.example.com/r").await;
        assert_eq!(outcome, Outcome::Status(status), "{}", case["id"]);
        assert_eq!((server.requests().len(), dialer.dials().len()), (1, 1), "{}", case["id"]);
    }
}

#[tokio::test]
async fn transport_003_and_004_response_headers_cause_no_connection() {
    let vectors = vectors("ssrf-cases.json");
    for id in ["transport-003", "transport-004"] {
        let case = vectors.as_array().unwrap().iter().find(|case| case["id"] == id).unwrap();
        let headers = case["response_headers"].as_object().unwrap().clone();
        let (_server, address) = at(Server::start(move |_| {
            headers.iter().fold(Reply::status(200), |reply, (name, value)| {
                reply.header(String::leak(name.clone()), value.as_str().unwrap())
            })
        })
        .await);
        let (resolver, dialer) = (FakeResolver::new([vec![PUBLIC]]), FakeDialer::to(address));
        let client = client(&resolver, &dialer);
        for _ in 0..2 {
            assert_eq!(post(&client, "http://hooks.example.com/").await, Outcome::Status(200), "{id}");
        }
        assert!(dialer.dials().iter().all(|ip| *ip == PUBLIC), "{id}");
    }
}

#[tokio::test]
async fn transport_005_two_names_never_share_a_connection() {
    let (_server, address) = ok_server().await;
    let (resolver, dialer) = (FakeResolver::new([vec![PUBLIC]]), FakeDialer::to(address));
    let client = client(&resolver, &dialer);
    for url in ["http://a.example.com/", "http://b.example.com/"] {
        assert_eq!(post(&client, url).await, Outcome::Status(200));
    }
    assert_eq!((resolver.lookups().len(), dialer.dials().len()), (2, 2));
}

#[tokio::test]
async fn transport_007_a_peer_that_was_not_checked_gets_no_byte() {
    let (server, address) = ok_server().await;
    let resolver = FakeResolver::new([vec![PUBLIC]]);
    let dialer = FakeDialer::to(address).with_peer([127, 0, 0, 1].into());
    assert_eq!(post(&client(&resolver, &dialer), "http://hooks.example.com/").await, Outcome::Blocked);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn transport_006_only_addresses_of_the_answer_are_dialled_even_when_all_fail() {
    let (server, address) = ok_server().await;
    drop(server);
    tokio::task::yield_now().await;
    let answer: Vec<IpAddr> = vec![PUBLIC, "2606:2800:220:1::1".parse().unwrap()];
    let (resolver, dialer) = (FakeResolver::new([answer.clone()]), FakeDialer::to(address));
    assert_eq!(post(&client(&resolver, &dialer), "http://hooks.example.com/").await, Outcome::Connect);
    assert_eq!((resolver.lookups().len(), dialer.dials()), (1, answer));
}
