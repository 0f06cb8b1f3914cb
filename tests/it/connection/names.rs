//! Names that do not resolve, and who else has to wait for them.

use std::collections::HashSet;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hookwire::clock::SystemClock;
use hookwire::id::Tenant;
use hookwire::outcome::{Outcome, Report};
use hookwire::sender::egress::{EgressPolicy, LookUp, Resolve, SystemResolver};
use hookwire::sender::http::{HttpClient, HttpOptions};
use http::Request;
use http_body_util::Full;
use tokio::task::JoinSet;

use super::{options, serve};
use crate::ssrf::fake::FakeDialer;

const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(93, 184, 216, 34));

/// Names that begin with `silent` are never answered; the others at once, until the resolver is told to be silent or to
/// refuse.
#[derive(Clone, Debug)]
struct Names {
    places: usize,
    keep: Duration,
    asked: Arc<Mutex<Vec<String>>>,
    waiting: Arc<AtomicUsize>,
    most_waiting: Arc<AtomicUsize>,
    mood: Arc<AtomicUsize>,
}

const OBLIGING: usize = 0;
const SILENT: usize = 1;
const REFUSING: usize = 2;

impl Names {
    fn new(places: usize, keep: Duration) -> Self {
        Self {
            places,
            keep,
            asked: Arc::default(),
            waiting: Arc::default(),
            most_waiting: Arc::default(),
            mood: Arc::default(),
        }
    }

    fn feels(&self, mood: usize) {
        self.mood.store(mood, Ordering::SeqCst);
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.lock().unwrap().push(host.to_owned());
        match self.mood.load(Ordering::SeqCst) {
            REFUSING => return Err(io::ErrorKind::NotFound.into()),
            OBLIGING if !host.starts_with("silent") => {
                tokio::time::sleep(Duration::from_millis(5)).await;
                return Ok(vec![PUBLIC]);
            }
            _ => {}
        }
        self.most_waiting.fetch_max(self.waiting.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::future::pending().await
    }

    async fn look_up(&self, host: &str) -> LookUp {
        LookUp { answer: self.resolve(host).await, keep: self.keep }
    }

    fn at_once(&self) -> usize {
        self.places
    }
}

/// A client whose every name leads to one server that answers 200 and closes.
async fn client(names: &Names, adjust: impl FnOnce(HttpOptions) -> HttpOptions) -> HttpClient {
    let (server, _) = serve(|_, mut stream| async move {
        if super::read_request(&mut stream).await {
            super::answer(&mut stream).await;
        }
    })
    .await;
    let egress = EgressPolicy::default().dangerous_allow_http();
    let options = HttpOptions::default().egress(egress).resolver(names.clone()).dialer(FakeDialer::to(server));
    HttpClient::new(adjust(options.idle_timeout(Duration::ZERO)), Arc::new(SystemClock)).unwrap()
}

async fn post(client: &HttpClient, tenant: &str, host: &str) -> Report {
    let url = format!("http://{host}/");
    let make = || Ok::<_, Infallible>(Request::post(&url).body(Full::new(Bytes::from_static(b"{}"))).unwrap());
    client.exchange_for(&Tenant::from(tenant), make).await.unwrap()
}

#[tokio::test]
async fn hundreds_of_silent_names_of_one_tenant_leave_places_for_the_names_of_others() {
    for (places, attackers) in [(8, 1), (16, 3)] {
        let names = Names::new(places, Duration::ZERO);
        let client = client(&names, |options| options).await;
        let mut attack = JoinSet::new();
        for number in 0..400 {
            let client = client.clone();
            let tenant = format!("attacker-{}", number % attackers);
            attack.spawn(async move { post(&client, &tenant, &format!("silent-{number}.example.com")).await });
        }
        while names.waiting.load(Ordering::SeqCst) < places / 2 {
            tokio::task::yield_now().await;
        }
        for number in 0..40 {
            let report = post(&client, "bystander", &format!("good-{number}.example.com")).await;
            assert_eq!(report.outcome, Outcome::Status(200), "{number}: {:?}", report.excerpt);
        }
        let reports = attack.join_all().await;
        assert!(names.most_waiting.load(Ordering::SeqCst) < places);
        let met: HashSet<_> = reports.iter().map(|report| report.outcome).collect();
        assert_eq!(met, HashSet::from([Outcome::Dns, Outcome::Local]), "asked for in vain, and never asked for");
    }
}

#[tokio::test]
async fn all_who_wait_for_one_name_wait_for_one_look_up_even_in_another_tenants_line() {
    let names = Names::new(2, Duration::ZERO);
    let client = client(&names, |options| options).await;
    let mut all = JoinSet::new();
    // The attacker takes the one place that it gets, and then waits in line for somebody else's name.
    for host in ["silent.example.com", "good.example.com"] {
        let client = client.clone();
        all.spawn(async move { post(&client, "attacker", host).await.outcome });
        tokio::task::yield_now().await;
    }
    for _ in 0..20 {
        let client = client.clone();
        all.spawn(async move { post(&client, "bystander", "good.example.com").await.outcome });
    }
    let outcomes = all.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Status(200)).count(), 21);
    assert_eq!(names.asked(), 2, "{names:?}");
}

#[tokio::test]
async fn a_name_that_was_known_is_used_while_the_resolver_is_silent_and_not_once_it_refuses() {
    let names = Names::new(16, Duration::from_millis(1));
    let client = client(&names, |options| options).await;
    for (mood, expected) in [(OBLIGING, Outcome::Status(200)), (SILENT, Outcome::Status(200))] {
        names.feels(mood);
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(post(&client, "one", "known.example.com").await.outcome, expected);
    }
    assert_eq!(post(&client, "one", "other.example.com").await.outcome, Outcome::Dns);
    names.feels(OBLIGING);
    assert_eq!(post(&client, "one", "third.example.com").await.outcome, Outcome::Status(200));
    names.feels(REFUSING);
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(post(&client, "one", "third.example.com").await.outcome, Outcome::Dns);
}

#[tokio::test]
async fn what_a_resolver_says_may_be_kept_is_kept_and_nothing_else() {
    for (keep, expected) in [(Duration::from_secs(600), 1), (Duration::ZERO, 3)] {
        let names = Names::new(16, keep);
        let client = client(&names, |options| options).await;
        for _ in 0..3 {
            assert_eq!(post(&client, "one", "good.example.com").await.outcome, Outcome::Status(200));
        }
        assert_eq!(names.asked(), expected, "kept for {keep:?}");
    }
}

#[tokio::test]
async fn the_systems_resolver_has_few_threads_and_leaves_the_applications_alone() {
    let client = HttpClient::new(options(), Arc::new(SystemClock)).unwrap();
    let mut attack = JoinSet::new();
    for number in 0..300 {
        let client = client.clone();
        let tenant = format!("tenant-{}", number % 40);
        attack.spawn(async move { post(&client, &tenant, &format!("name-{number}.hookwire.invalid")).await.outcome });
    }
    let (mut most, mut files) = (0, 0);
    while !attack.is_empty() {
        tokio::select! {
            outcome = attack.join_next() => assert!(!outcome.unwrap().unwrap().is_success()),
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
        assert!(tokio::fs::metadata("/").await.unwrap().is_dir());
        files += 1;
        most = most.max(threads_for_names());
    }
    assert!((1..=16).contains(&most), "{most} threads");
    assert!(files > 0);
}

fn threads_for_names() -> usize {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let name = |thread: io::Result<std::fs::DirEntry>| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok();
    threads.filter_map(name).filter(|name| name.trim() == "hookwire-names").count()
}

#[tokio::test]
async fn names_of_the_hosts_file_are_known_by_the_hosts_rules() {
    let found = SystemResolver::default().by_host_rules().resolve("localhost").await.unwrap();
    assert!(found.iter().all(IpAddr::is_loopback) && !found.is_empty());
}
