//! Names that do not resolve, and their effect on other tenants.

use std::collections::HashSet;
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
use hookwire::sender::egress::{EgressPolicy, Resolve, SystemResolver};
use hookwire::sender::http::{HttpClient, HttpOptions};
use hookwire::testing::http::exchange;
use http::Request;
use tokio::task::JoinSet;

use super::{options, serve};
use crate::ssrf::fake::FakeDialer;

const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(93, 184, 216, 34));

/// A resolver that never replies for names that begin with `silent`. For other names it resolves, never replies or fails, according
/// to its mode.
#[derive(Clone, Debug)]
struct Names {
    slots: usize,
    ttl: Duration,
    lookups: Arc<Mutex<Vec<String>>>,
    waiting: Arc<AtomicUsize>,
    max_waiting: Arc<AtomicUsize>,
    mode: Arc<AtomicUsize>,
}

const RESOLVING: usize = 0;
const SILENT: usize = 1;
const FAILING: usize = 2;

impl Names {
    fn new(slots: usize, ttl: Duration) -> Self {
        Self {
            slots,
            ttl,
            lookups: Arc::default(),
            waiting: Arc::default(),
            max_waiting: Arc::default(),
            mode: Arc::default(),
        }
    }

    fn set_mode(&self, mode: usize) {
        self.mode.store(mode, Ordering::SeqCst);
    }

    fn lookups(&self) -> usize {
        self.lookups.lock().unwrap().len()
    }
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.lookups.lock().unwrap().push(host.to_owned());
        match self.mode.load(Ordering::SeqCst) {
            FAILING => return Err(io::ErrorKind::NotFound.into()),
            RESOLVING if !host.starts_with("silent") => {
                tokio::time::sleep(Duration::from_millis(5)).await;
                return Ok(vec![PUBLIC]);
            }
            _ => {}
        }
        self.max_waiting.fetch_max(self.waiting.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::future::pending().await
    }

    async fn lookup(&self, host: &str) -> (io::Result<Vec<IpAddr>>, Duration) {
        (self.resolve(host).await, self.ttl)
    }

    fn max_concurrent(&self) -> usize {
        self.slots
    }
}

/// A client for which every name leads to one server, which responds with 200 and closes.
async fn client(names: &Names, adjust: impl FnOnce(HttpOptions) -> HttpOptions) -> HttpClient {
    let (server, _) = serve(|_, mut stream| async move {
        if super::read_request(&mut stream).await {
            super::respond_ok(&mut stream).await;
        }
    })
    .await;
    let egress = EgressPolicy::default().dangerous_allow_http();
    let options = HttpOptions::default().egress(egress).resolver(names.clone()).dialer(FakeDialer::to(server));
    HttpClient::new(adjust(options.idle_timeout(Duration::ZERO)), Arc::new(SystemClock)).unwrap()
}

async fn post(client: &HttpClient, tenant: &str, host: &str) -> Report {
    let url = format!("http://{host}/");
    let make = || Request::post(&url).body(Bytes::from_static(b"{}")).unwrap();
    exchange(client, Some(&Tenant::from(tenant)), make).await
}

#[tokio::test]
async fn hundreds_of_silent_names_of_one_tenant_leave_slots_for_other_tenants() {
    for (slots, attackers) in [(8, 1), (16, 3)] {
        let names = Names::new(slots, Duration::ZERO);
        let client = client(&names, |options| options).await;
        let mut attack = JoinSet::new();
        for number in 0..400 {
            let client = client.clone();
            let tenant = format!("attacker-{}", number % attackers);
            attack.spawn(async move { post(&client, &tenant, &format!("silent-{number}.example.com")).await });
        }
        while names.waiting.load(Ordering::SeqCst) < slots / 2 {
            tokio::task::yield_now().await;
        }
        for number in 0..40 {
            let report = post(&client, "bystander", &format!("good-{number}.example.com")).await;
            assert_eq!(report.outcome, Outcome::Status(200), "{number}: {:?}", report.excerpt);
        }
        let reports = attack.join_all().await;
        assert!(names.max_waiting.load(Ordering::SeqCst) < slots);
        let outcomes: HashSet<_> = reports.iter().map(|report| report.outcome).collect();
        assert_eq!(
            outcomes,
            HashSet::from([Outcome::Dns, Outcome::Local]),
            "looked up without a reply, or never looked up"
        );
    }
}

#[tokio::test]
async fn concurrent_lookups_of_one_name_are_merged_across_tenants() {
    let names = Names::new(2, Duration::ZERO);
    let client = client(&names, |options| options).await;
    let mut all = JoinSet::new();
    // The attacker takes the one slot of its share, and then queues the name that the bystander needs.
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
    assert_eq!(names.lookups(), 2, "{names:?}");
}

#[tokio::test]
async fn stale_addresses_are_used_while_the_resolver_is_silent_but_not_after_it_fails() {
    let names = Names::new(16, Duration::from_millis(1));
    let client = client(&names, |options| options).await;
    for (mode, expected) in [(RESOLVING, Outcome::Status(200)), (SILENT, Outcome::Status(200))] {
        names.set_mode(mode);
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(post(&client, "one", "known.example.com").await.outcome, expected);
    }
    assert_eq!(post(&client, "one", "other.example.com").await.outcome, Outcome::Dns);
    names.set_mode(RESOLVING);
    assert_eq!(post(&client, "one", "third.example.com").await.outcome, Outcome::Status(200));
    names.set_mode(FAILING);
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(post(&client, "one", "third.example.com").await.outcome, Outcome::Dns);
}

#[tokio::test]
async fn a_lookup_is_cached_for_its_ttl_only() {
    for (ttl, expected) in [(Duration::from_secs(600), 1), (Duration::ZERO, 3)] {
        let names = Names::new(16, ttl);
        let client = client(&names, |options| options).await;
        for _ in 0..3 {
            assert_eq!(post(&client, "one", "good.example.com").await.outcome, Outcome::Status(200));
        }
        assert_eq!(names.lookups(), expected, "TTL {ttl:?}");
    }
}

#[tokio::test]
async fn the_system_resolver_uses_few_threads_and_not_the_blocking_pool() {
    let client = HttpClient::new(options(), Arc::new(SystemClock)).unwrap();
    let mut attack = JoinSet::new();
    for number in 0..300 {
        let client = client.clone();
        let tenant = format!("tenant-{}", number % 40);
        attack.spawn(async move { post(&client, &tenant, &format!("name-{number}.hookwire.invalid")).await.outcome });
    }
    let (mut max_threads, mut files) = (0, 0);
    while !attack.is_empty() {
        tokio::select! {
            outcome = attack.join_next() => assert!(!outcome.unwrap().unwrap().is_success()),
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
        assert!(tokio::fs::metadata("/").await.unwrap().is_dir());
        files += 1;
        max_threads = max_threads.max(resolver_threads());
    }
    assert!((1..=16).contains(&max_threads), "{max_threads} threads");
    assert!(files > 0);
}

fn resolver_threads() -> usize {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let name = |thread: io::Result<std::fs::DirEntry>| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok();
    threads.filter_map(name).filter(|name| name.trim() == "hookwire-names").count()
}

#[tokio::test]
async fn the_system_resolver_reads_the_hosts_file_if_it_is_used() {
    let found = SystemResolver::default().hosts_and_search_domains().resolve("localhost").await.unwrap();
    assert!(found.iter().all(IpAddr::is_loopback) && !found.is_empty());
}
