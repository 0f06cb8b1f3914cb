//! Dedup records in Redis: the conformance suite, and a server that is full or gone.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hookwire::clock::{Clock, SystemClock};
use hookwire::store::{Begin, Dedup, DedupKey, RedisDedup, StoreErrorKind};
use hookwire::testing::conformance::{Case, DedupSubject, dedup_cases};
use libtest_mimic::Trial;

use crate::Needs;

pub fn trials(redis: &Needs, binary: &Needs) -> Vec<Trial> {
    let mut trials = vec![
        binary.test("redis::a_full_memory_is_told_and_nothing_is_evicted", |_| full()),
        binary.test("redis::a_server_that_is_gone_is_unavailable_until_it_is_back", |_| gone()),
        redis.test("redis::what_has_expired_is_forgotten_by_the_server", forgotten),
    ];
    for (name, case) in dedup_cases() {
        trials.push(redis.test(format!("conformance::redis::{name}"), move |url| deduplicated(url, case)));
    }
    trials
}

/// What `HOOKWIRE_TEST_REDIS` says, else whatever answers on the standard port, else a server of our own.
pub fn find() -> Option<String> {
    let given = std::env::var("HOOKWIRE_TEST_REDIS").ok();
    let standard = || answers(6379).then(|| "redis://127.0.0.1:6379/".to_owned());
    given.or_else(standard).or_else(|| {
        installed()?;
        let server = Server::start(&[]);
        let url = server.url();
        // It ends with this process, of whose input it is the other end.
        std::mem::forget(server);
        Some(url)
    })
}

pub fn installed() -> Option<()> {
    let version = Command::new("redis-server").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success()).then_some(())
}

fn answers(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// A server of our own, under a shell that ends it when nobody holds its input any more.
struct Server {
    process: Child,
    port: u16,
    options: Vec<String>,
}

impl Server {
    fn start(options: &[&str]) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let options: Vec<_> = options.iter().map(|option| (*option).to_owned()).collect();
        Self { process: Self::run(port, &options), port, options }
    }

    fn run(port: u16, options: &[String]) -> Child {
        let script = format!(
            "redis-server --bind 127.0.0.1 --port {port} --save '' --appendonly no {} & server=$!; cat; kill -9 $server",
            options.join(" ")
        );
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = shell.spawn().unwrap();
        let up = (0..600).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            answers(port)
        });
        assert!(up, "redis-server does not come up");
        process
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    fn stop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().unwrap();
    }

    fn again(&mut self) {
        self.process = Self::run(self.port, &self.options);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn open(url: &str) -> RedisDedup {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let prefix = format!("hookwire:test:{}:{}:", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    RedisDedup::connect(url).await.unwrap().with_prefix(&prefix)
}

/// Its records go by themselves after a day at most; those of a test after minutes.
async fn deduplicated(url: String, case: Case<DedupSubject>) {
    let store = open(&url).await;
    case(&DedupSubject::new(Arc::new(store.clone()), Arc::new(store)).forgetting_by_itself()).await;
}

fn key(number: u32) -> DedupKey {
    let mut key = [0; 32];
    key[..4].copy_from_slice(&number.to_be_bytes());
    DedupKey::new(key)
}

async fn full() {
    let server = Server::start(&["--maxmemory", "2mb", "--maxmemory-policy", "noeviction"]);
    let store = open(&server.url()).await;
    let now = SystemClock.now();
    let mut kept = 0;
    let error = loop {
        match store.begin(&[key(kept).into()], now, now + Duration::from_secs(3_600)).await {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 100_000, "it is never full");
    };
    assert_eq!(error.kind(), StoreErrorKind::Full, "{error:?}");
    drop(server);
}

async fn gone() {
    let mut server = Server::start(&[]);
    let store = open(&server.url()).await;
    let now = SystemClock.now();
    let until = now + Duration::from_secs(3_600);
    assert!(matches!(store.begin(&[key(1).into()], now, until).await.unwrap()[..], [Begin::Fresh(_)]));
    server.stop();
    let error = store.begin(&[key(2).into()], now, until).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    server.again();
    crate::until(|| async { store.begin(&[key(2).into()], now, until).await.is_ok() }).await;
    let lost = store.begin(&[key(1).into()], now, until).await.unwrap();
    assert!(matches!(lost[..], [Begin::Fresh(_)]), "a Redis that keeps nothing lets an event through again");
}

async fn forgotten(url: String) {
    let store = open(&url).await;
    let now = SystemClock.now();
    let keys = [key(9).into()];
    let begin = || store.begin(&keys, now, now + Duration::from_millis(50));
    let Begin::Fresh(first) = begin().await.unwrap()[0] else { panic!("nobody has begun it") };
    // The same time is asked for again, so only the server's forgetting makes it fresh.
    crate::until(|| async { matches!(begin().await.unwrap()[..], [Begin::Fresh(_)]) }).await;
    assert!(first.fence > 0);
}
