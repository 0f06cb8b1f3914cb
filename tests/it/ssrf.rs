//! Every case of `ssrf-cases.json`: what the policy says, and what the real client does.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use hookwire::clock::SystemClock;
use hookwire::endpoint::{Host, Target};
use hookwire::outcome::{Outcome, Report};
use hookwire::sender::egress::{Dial, Dialed, EgressPolicy, Nat64, Resolve};
use hookwire::sender::http::{HttpClient, HttpOptions};
use http::{HeaderName, HeaderValue, Request};
use http_body_util::Full;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use serde_json::Value;

use crate::support::server::{Reply, Server};
use crate::support::vectors;

fn cases() -> Vec<Value> {
    vectors("ssrf-cases.json").as_array().unwrap().clone()
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap_or_default()
}

/// The answers of successive lookups; most cases have one.
fn answers(case: &Value) -> Vec<Vec<IpAddr>> {
    let all = case["resolves_to"].as_array().unwrap();
    let addresses = |list: &[Value]| list.iter().map(|it| it.as_str().unwrap().parse().unwrap()).collect();
    if all.first().is_some_and(Value::is_array) {
        all.iter().map(|list| addresses(list.as_array().unwrap())).collect()
    } else {
        vec![addresses(all)]
    }
}

/// Plain `http` is refused before anything else by default, so that cases about addresses say nothing when they are
/// written with `http`; it is allowed here except where the case is about the scheme.
fn policy(case: &Value) -> EgressPolicy {
    let mut policy = EgressPolicy::default();
    if text(case, "stage") != "policy" {
        policy = policy.dangerous_allow_http();
    }
    if case["policy"]["nat64"] == "deny" {
        policy = policy.nat64(Nat64::Refuse);
    }
    let own = case["own_addresses"].as_array().into_iter().flatten();
    policy.deny_addresses(own.map(|address| address.as_str().unwrap().parse().unwrap()))
}

/// What a delivery would meet, as far as it can be told without a socket.
fn allowed(case: &Value) -> bool {
    let Ok(target) = Target::parse(text(case, "url")) else { return false };
    let policy = policy(case);
    if policy.check_target(&target).is_err() {
        return false;
    }
    let mut answers = answers(case);
    let later = text(case, "phase").contains("2nd");
    let answer = if later { answers.remove(1) } else { answers.remove(0) };
    match target.host() {
        Host::Name(_) => !answer.is_empty() && answer.iter().all(|address| policy.check_address(*address).is_ok()),
        _ => true,
    }
}

#[test]
fn t7_every_case_is_judged_as_the_vectors_say() {
    let mut wrong = Vec::new();
    let mut judged = 0;
    for case in cases() {
        // These need the client; see below.
        if matches!(text(&case, "group"), "redirect" | "transport") {
            continue;
        }
        judged += 1;
        if allowed(&case) != (text(&case, "expect") == "allow") {
            wrong.push(format!("{} {}: {}", text(&case, "id"), text(&case, "url"), text(&case, "why")));
        }
    }
    assert!(judged > 200, "{judged}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Names and addresses as a case has them, and what was asked and dialled.
#[derive(Clone, Debug, Default)]
struct World {
    names: Arc<Mutex<HashMap<String, Vec<Vec<IpAddr>>>>>,
    lookups: Arc<Mutex<Vec<String>>>,
    dialled: Arc<Mutex<Vec<IpAddr>>>,
    /// Where every connection really goes.
    server: Option<SocketAddr>,
    /// Who is at the other end, if not who was dialled.
    peer: Option<IpAddr>,
}

#[async_trait]
impl Resolve for World {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.lookups.lock().unwrap().push(host.to_owned());
        let mut names = self.names.lock().unwrap();
        let answers = names.get_mut(host).ok_or_else(|| io::Error::other("no such name"))?;
        Ok(if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() })
    }
}

#[async_trait]
impl Dial for World {
    async fn dial(&self, address: SocketAddr) -> io::Result<Dialed> {
        self.dialled.lock().unwrap().push(address.ip());
        let stream = tokio::net::TcpStream::connect(self.server.unwrap()).await?;
        Ok(Dialed { stream, peer: self.peer.unwrap_or(address.ip()), local: None })
    }
}

/// Makes the request of a case, as plain `http` to the same host, since TLS is not what these cases are about.
async fn request(case: &Value, world: &World) -> Report {
    let url = text(case, "url").replacen("https://", "http://", 1);
    let target = Target::parse(&url).unwrap();
    if let Host::Name(name) = target.host() {
        world.names.lock().unwrap().insert(name.to_string(), answers(case));
    }
    let options = HttpOptions::default().egress(policy(case).dangerous_allow_http());
    let options = options.resolver(world.clone()).dialer(world.clone());
    let client = HttpClient::new(options, Arc::new(SystemClock)).unwrap();
    let make = || {
        let mut request = Request::new(Full::new(Bytes::from_static(b"{}")));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = target.uri().clone();
        Ok::<_, std::convert::Infallible>(request)
    };
    client.exchange(make).await.unwrap()
}

fn world(server: &Server) -> World {
    World { server: Some(server.address()), ..World::default() }
}

#[tokio::test]
async fn f_22_redirects_are_recorded_and_never_followed() {
    let mut seen = 0;
    for case in cases().iter().filter(|case| text(case, "group") == "redirect") {
        let (status, location) =
            (case["redirect"]["status"].as_u64().unwrap(), text(&case["redirect"], "location").to_owned());
        let status = u16::try_from(status).unwrap();
        let server = Server::start(move |_| Reply::status(status).header("location", &location)).await;
        let world = world(&server);
        let report = request(case, &world).await;
        assert_eq!(report.outcome, Outcome::Status(status), "{}", text(case, "id"));
        assert_eq!(server.requests().len(), 1, "{}", text(case, "id"));
        assert_eq!(world.dialled.lock().unwrap().len(), 1);
        seen += 1;
    }
    assert_eq!(seen, 10);
}

#[tokio::test]
async fn a_name_that_changes_its_mind_gains_nothing() {
    for case in cases().iter().filter(|case| text(case, "id") == "dns-001") {
        let server = Server::start(|_| Reply::status(200)).await;
        let world = world(&server);
        let report = request(case, &world).await;
        assert_eq!(report.outcome, Outcome::Status(200));
        assert_eq!(*world.dialled.lock().unwrap(), answers(case)[0], "only what was judged");
        assert_eq!(world.lookups.lock().unwrap().len(), 1, "one lookup for one connection");
    }
}

#[tokio::test]
async fn refused_answers_are_never_dialled() {
    let mut seen = 0;
    for case in cases().iter().filter(|case| text(case, "group") == "dns" && text(case, "stage") == "resolve") {
        if text(case, "expect") != "block" {
            continue;
        }
        let server = Server::start(|_| Reply::status(200)).await;
        let world = world(&server);
        let report = request(case, &world).await;
        let expected = if answers(case)[0].is_empty() { Outcome::Dns } else { Outcome::Blocked };
        assert_eq!(report.outcome, expected, "{}", text(case, "id"));
        assert!(world.dialled.lock().unwrap().is_empty(), "{}", text(case, "id"));
        assert!(server.requests().is_empty());
        seen += 1;
    }
    assert!(seen >= 8, "{seen}");
}

#[tokio::test]
async fn answers_do_not_steer_the_next_request() {
    for case in cases().iter().filter(|case| case.get("response_headers").is_some()) {
        let headers: Vec<(String, String)> = case["response_headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect();
        let server = Server::start(move |_| {
            headers.iter().fold(Reply::status(200), |reply, (name, value)| {
                let name: &'static str = if name == "alt-svc" {
                    "alt-svc"
                } else if name == "link" {
                    "link"
                } else {
                    "refresh"
                };
                reply.header(name, value)
            })
        })
        .await;
        let world = world(&server);
        for _ in 0..2 {
            assert_eq!(request(case, &world).await.outcome, Outcome::Status(200));
        }
        let allowed: Vec<IpAddr> = case["must_connect_to"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it.as_str().unwrap().parse().unwrap())
            .collect();
        assert!(world.dialled.lock().unwrap().iter().all(|address| allowed.contains(address)));
    }
}

#[tokio::test]
async fn a_peer_that_is_not_the_judged_address_gets_no_byte() {
    for case in cases().iter().filter(|case| case.get("peer_addr").is_some()) {
        let server = Server::start(|_| Reply::status(200)).await;
        let world = World { peer: Some(text(case, "peer_addr").parse().unwrap()), ..world(&server) };
        assert_eq!(request(case, &world).await.outcome, Outcome::Blocked, "{}", text(case, "id"));
        assert!(server.requests().is_empty());
    }
}

#[tokio::test]
async fn f_04_the_next_judged_address_is_tried_when_the_first_is_dead() {
    #[derive(Debug)]
    struct FirstIsDead(World);

    #[async_trait]
    impl Dial for FirstIsDead {
        async fn dial(&self, address: SocketAddr) -> io::Result<Dialed> {
            if self.0.dialled.lock().unwrap().is_empty() {
                self.0.dialled.lock().unwrap().push(address.ip());
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            self.0.dial(address).await
        }
    }

    let server = Server::start(|_| Reply::status(200)).await;
    let world = world(&server);
    let both: Vec<IpAddr> = ["93.184.216.34", "2606:2800:220:1::1"].map(|it| it.parse().unwrap()).to_vec();
    world.names.lock().unwrap().insert("hooks.example.com".into(), vec![both.clone()]);
    let options = HttpOptions::default().egress(EgressPolicy::default().dangerous_allow_http());
    let options = options.resolver(world.clone()).dialer(FirstIsDead(world.clone()));
    let client = HttpClient::new(options, Arc::new(SystemClock)).unwrap();
    let make = || {
        let request = Request::post("http://hooks.example.com/").body(Full::default());
        Ok::<_, std::convert::Infallible>(request.unwrap())
    };
    assert_eq!(client.exchange(make).await.unwrap().outcome, Outcome::Status(200));
    assert_eq!(*world.dialled.lock().unwrap(), both);
}

#[test]
fn header_values_cannot_break_out_of_their_line() {
    for case in cases().iter().filter(|case| case.get("headers").is_some()) {
        for (name, value) in case["headers"].as_object().unwrap() {
            if value.as_str().unwrap().contains(['\r', '\n', '\0']) {
                assert!(HeaderValue::from_str(value.as_str().unwrap()).is_err());
            }
            assert!(HeaderName::from_bytes(name.as_bytes()).is_ok());
        }
    }
}

fn nat64(address: u32) -> IpAddr {
    let [a, b] = [address >> 16, address & 0xffff].map(|half| u16::try_from(half).unwrap());
    IpAddr::from([0x64, 0xff9b, 0, 0, 0, 0, a, b])
}

proptest! {
    #[test]
    fn p1_a_nat64_address_has_the_verdict_of_the_address_it_carries(address: u32) {
        let policy = EgressPolicy::default();
        let plain = policy.check_address(std::net::Ipv4Addr::from_bits(address).into()).is_ok();
        prop_assert_eq!(policy.check_address(nat64(address)).is_ok(), plain);
    }

    #[test]
    fn p2_every_other_address_outside_global_unicast_is_refused(address: u128) {
        let first = u16::try_from(address >> 112).unwrap();
        let address = IpAddr::from(address.to_be_bytes());
        if !(0x2000..0x4000).contains(&first) && first != 0x64 {
            prop_assert!(EgressPolicy::default().check_address(address).is_err());
        }
    }

    #[test]
    fn p5_one_forbidden_address_refuses_the_answer_wherever_it_stands(place in 0usize..5, loopback in any::<[u8; 3]>()) {
        let policy = EgressPolicy::default();
        let mut answer: Vec<IpAddr> = vec![[93, 184, 216, 34].into(); 5];
        answer[place] = [127, loopback[0], loopback[1], loopback[2]].into();
        prop_assert!(!answer.iter().all(|address| policy.check_address(*address).is_ok()));
    }
}
