//! `HickoryResolver` against a name server on loopback that is silent about some names.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hookwire::clock::SystemClock;
use hookwire::id::Tenant;
use hookwire::outcome::Outcome;
use hookwire::sender::egress::{EgressPolicy, HickoryResolver, Resolve};
use hookwire::sender::http::{HttpClient, HttpOptions};
use http::Request;
use http_body_util::Full;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use super::serve;
use crate::ssrf::fake::FakeDialer;

const PUBLIC: [u8; 4] = [93, 184, 216, 34];
const TTL: u32 = 7;
const A: [u8; 2] = [0, 1];
const NO_SUCH_NAME: u8 = 3;

/// Answers (RFC 1035 section 4) with one address; nothing about names that begin with `silent`; and that there are none that
/// begin with `missing`.
struct NameServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl NameServer {
    async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let server = Self { address: socket.local_addr().unwrap(), asked: Arc::default() };
        let asked = server.asked.clone();
        tokio::spawn(async move {
            let mut buffer = [0; 1_500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let (name, end) = read_name(&buffer[..length]);
                let answer = answer(&buffer[..end], &name);
                asked.lock().unwrap().push(name.clone());
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

/// The name that is asked for, and where the question ends.
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
        // The name of the question, type A, class IN.
        answer.extend([0xc0, 12, 0, 1, 0, 1]);
        answer.extend(TTL.to_be_bytes());
        answer.extend([0, 4]);
        answer.extend(PUBLIC);
    }
    answer
}

#[tokio::test]
async fn an_answer_is_kept_for_its_time_to_live_and_names_are_asked_for_as_absolute() {
    let server = NameServer::start().await;
    let found = server.resolver().look_up("hooks.example.com").await;
    assert_eq!(found.answer.unwrap(), [IpAddr::from(PUBLIC)]);
    assert!((1..=u64::from(TTL)).contains(&found.keep.as_secs()), "{:?}", found.keep);
    let missing = server.resolver().look_up("missing.example.com").await;
    assert_eq!(missing.answer.unwrap(), Vec::<IpAddr>::new());
    assert!(missing.keep > Duration::ZERO && missing.keep <= Duration::from_secs(60), "{:?}", missing.keep);
    let asked = server.asked.lock().unwrap();
    assert!(asked.iter().all(|name| name == "hooks.example.com." || name == "missing.example.com."), "{asked:?}");
}

#[tokio::test]
async fn names_of_the_hosts_file_are_not_asked_for_by_the_hosts_rules() {
    let server = NameServer::start().await;
    let own = std::fs::read_to_string("/etc/hosts").unwrap();
    let name = own.lines().filter(|line| line.starts_with("127.")).flat_map(str::split_whitespace).last().unwrap();
    let found = server.resolver().by_host_rules().unwrap().resolve(name).await.unwrap();
    assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{name}: {found:?}");
    let asked = server.asked.lock().unwrap().len();
    assert_eq!(asked, 0);
    assert!(HickoryResolver::with_name_servers([]).is_err());
}

async fn post(client: &HttpClient, tenant: &str, host: &str) -> Outcome {
    let url = format!("http://{host}/");
    let make = || Ok::<_, Infallible>(Request::post(&url).body(Full::new(Bytes::from_static(b"{}"))).unwrap());
    client.exchange_for(&Tenant::from(tenant), make).await.unwrap().outcome
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// Other tests of this process start threads as well, but not by the hundred.
const OTHERS: usize = 64;

#[tokio::test]
async fn hundreds_of_silent_names_cost_no_thread_and_stop_no_bystander() {
    let names = NameServer::start().await;
    let (target, _) = serve(|_, mut stream| async move {
        if super::read_request(&mut stream).await {
            super::answer(&mut stream).await;
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
        assert!(threads() < before + OTHERS, "{before} threads, then {}", threads());
    }
    let outcomes = attack.join_all().await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Dns | Outcome::Local)));
}
