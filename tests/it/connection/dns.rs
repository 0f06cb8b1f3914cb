//! `HickoryResolver` with a name server on loopback that does not reply for some names.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hookwire::clock::SystemClock;
use hookwire::id::Tenant;
use hookwire::outcome::Outcome;
use hookwire::sender::egress::{EgressPolicy, HickoryResolver, Resolve};
use hookwire::sender::http::{HttpClient, HttpOptions};
use hookwire::testing::http::exchange;
use http::Request;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use super::serve;
use crate::ssrf::fake::FakeDialer;

const PUBLIC: [u8; 4] = [93, 184, 216, 34];
const TTL: u32 = 7;
const A: [u8; 2] = [0, 1];
const NO_SUCH_NAME: u8 = 3;

/// A name server (RFC 1035 section 4). It replies with one address. For names that begin with `missing` it replies that they do
/// not exist. For names that begin with `silent` it does not reply.
struct NameServer {
    address: SocketAddr,
    queries: Arc<Mutex<Vec<String>>>,
}

impl NameServer {
    async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let server = Self { address: socket.local_addr().unwrap(), queries: Arc::default() };
        let queries = server.queries.clone();
        tokio::spawn(async move {
            let mut buffer = [0; 1_500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let (name, end) = read_name(&buffer[..length]);
                let answer = answer(&buffer[..end], &name);
                queries.lock().unwrap().push(name.clone());
                if !name.starts_with("silent") {
                    socket.send_to(&answer, from).await.unwrap();
                }
            }
        });
        server
    }

    fn resolver(&self) -> HickoryResolver {
        HickoryResolver::with_name_servers([self.address]).unwrap()
    }
}

/// Returns the queried name and the end of the question.
fn read_name(query: &[u8]) -> (String, usize) {
    let (mut at, mut name) = (12, String::new());
    while query[at] != 0 {
        let label = &query[at + 1..=at + usize::from(query[at])];
        name.push_str(std::str::from_utf8(label).unwrap());
        name.push('.');
        at += 1 + label.len();
    }
    (name, at + 5)
}

fn answer(question: &[u8], name: &str) -> Vec<u8> {
    let is_missing = name.starts_with("missing");
    let has_answer = !is_missing && question[question.len() - 4..question.len() - 2] == A;
    let code = 0x80 | if is_missing { NO_SUCH_NAME } else { 0 };
    let mut answer = question.to_vec();
    answer[2..12].copy_from_slice(&[0x81, code, 0, 1, 0, u8::from(has_answer), 0, 0, 0, 0]);
    if has_answer {
        // A pointer to the name in the question, type A, class IN.
        answer.extend([0xc0, 12, 0, 1, 0, 1]);
        answer.extend(TTL.to_be_bytes());
        answer.extend([0, 4]);
        answer.extend(PUBLIC);
    }
    answer
}

#[tokio::test]
async fn a_lookup_returns_the_ttl_and_queries_fully_qualified_names() {
    let server = NameServer::start().await;
    let (found, ttl) = server.resolver().lookup("hooks.example.com").await;
    assert_eq!(found.unwrap(), [IpAddr::from(PUBLIC)]);
    assert!((1..=u64::from(TTL)).contains(&ttl.as_secs()), "{ttl:?}");
    let (missing, missing_ttl) = server.resolver().lookup("missing.example.com").await;
    assert_eq!(missing.unwrap(), Vec::<IpAddr>::new());
    assert!(missing_ttl > Duration::ZERO && missing_ttl <= Duration::from_secs(60), "{missing_ttl:?}");
    let queries = server.queries.lock().unwrap();
    assert!(queries.iter().all(|name| name == "hooks.example.com." || name == "missing.example.com."), "{queries:?}");
}

#[tokio::test]
async fn names_in_the_hosts_file_are_not_queried_if_it_is_used() {
    let server = NameServer::start().await;
    let own = std::fs::read_to_string("/etc/hosts").unwrap();
    let name = own.lines().filter(|line| line.starts_with("127.")).flat_map(str::split_whitespace).last().unwrap();
    let found = server.resolver().hosts_and_search_domains().unwrap().resolve(name).await.unwrap();
    assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{name}: {found:?}");
    let queries = server.queries.lock().unwrap().len();
    assert_eq!(queries, 0);
    assert!(HickoryResolver::with_name_servers([]).is_err());
}

async fn post(client: &HttpClient, tenant: &str, host: &str) -> Outcome {
    let url = format!("http://{host}/");
    let make = || Request::post(&url).body(Bytes::from_static(b"{}")).unwrap();
    exchange(client, Some(&Tenant::from(tenant)), make).await.outcome
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// Other tests in this process start threads too, but fewer than this.
const OTHER_THREADS: usize = 64;

#[tokio::test]
async fn hundreds_of_silent_names_need_no_thread_and_block_no_other_tenant() {
    let names = NameServer::start().await;
    let (target, _) = serve(|_, mut stream| async move {
        if super::read_request(&mut stream).await {
            super::respond_ok(&mut stream).await;
        }
    })
    .await;
    let egress = EgressPolicy::default().dangerous_allow_http();
    let options = HttpOptions::default().egress(egress).resolver(names.resolver()).dialer(FakeDialer::to(target));
    let client = HttpClient::new(options.idle_timeout(Duration::ZERO), Arc::new(SystemClock)).unwrap();
    let (before, mut attack) = (threads(), JoinSet::new());
    for number in 0..600 {
        let client = client.clone();
        let tenant = format!("attacker-{}", number % 20);
        attack.spawn(async move { post(&client, &tenant, &format!("silent-{number}.example.com")).await });
    }
    tokio::task::yield_now().await;
    for number in 0..40 {
        assert_eq!(post(&client, "bystander", &format!("good-{number}.example.com")).await, Outcome::Status(200));
        assert!(tokio::fs::metadata("/").await.unwrap().is_dir());
        assert!(threads() < before + OTHER_THREADS, "{before} threads, then {}", threads());
    }
    let outcomes = attack.join_all().await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Dns | Outcome::Local)));
}
