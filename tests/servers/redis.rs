//! Dedup records in Redis: the conformance suite, and a server that is full or gone.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hookwire::clock::{Clock, SystemClock};
use hookwire::store::{BeginResult, Dedup, DedupKey, RedisDedup, StoreErrorKind};
use hookwire::testing::conformance::{self, Case, Subject};
use libtest_mimic::Trial;

use crate::Needs;

pub fn trials(redis: &Needs, binary: &Needs) -> Vec<Trial> {
    let mut trials = vec![
        binary.test("redis::a_full_memory_is_reported_and_nothing_is_evicted", |_| full()),
        binary.test("redis::a_server_that_is_gone_is_unavailable_until_it_is_back", |_| gone()),
        redis.test("redis::the_server_deletes_expired_records", forgotten),
    ];
    for case in conformance::dedup::<dyn Dedup>() {
        trials.push(redis.test(format!("conformance::redis::{}", case.name()), move |url| deduplicated(url, case)));
    }
    trials
}

/// The server at `HOOKWIRE_TEST_REDIS`, else a server on the standard port, else a new server.
pub fn find() -> Option<String> {
    let given = std::env::var("HOOKWIRE_TEST_REDIS").ok();
    let standard = || answers(6379).then(|| "redis://127.0.0.1:6379/".to_owned());
    given.or_else(standard).or_else(|| {
        installed()?;
        let server = Server::start(&[]);
        let url = server.url();
        // The server ends with this process, which holds the other end of its input.
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

/// A server under a shell that stops it when its input is closed.
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

/// Redis deletes the records after a day at most, and those of a test after minutes.
async fn deduplicated(url: String, case: Case<dyn Dedup>) {
    let store = open(&url).await;
    case.run(&Subject::<dyn Dedup>::new(Arc::new(store.clone()), Arc::new(store)).forgetting_by_itself()).await;
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
        assert!(kept < 100_000, "the memory is never full");
    };
    assert_eq!(error.kind(), StoreErrorKind::Full, "{error:?}");
    drop(server);
}

async fn gone() {
    let mut server = Server::start(&[]);
    let store = open(&server.url()).await;
    let now = SystemClock.now();
    let until = now + Duration::from_secs(3_600);
    assert!(matches!(store.begin(&[key(1).into()], now, until).await.unwrap()[..], [BeginResult::Fresh(_)]));
    server.stop();
    let error = store.begin(&[key(2).into()], now, until).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    server.again();
    crate::until(|| async { store.begin(&[key(2).into()], now, until).await.is_ok() }).await;
    let lost = store.begin(&[key(1).into()], now, until).await.unwrap();
    assert!(matches!(lost[..], [BeginResult::Fresh(_)]), "after Redis has lost its records, the event is fresh again");
}

async fn forgotten(url: String) {
    let store = open(&url).await;
    let now = SystemClock.now();
    let keys = [key(9).into()];
    let begin = || store.begin(&keys, now, now + Duration::from_millis(50));
    let BeginResult::Fresh(first) = begin().await.unwrap()[0] else { panic!("the key is not fresh") };
    // The call has the same time as before, so the record is fresh only because the server deleted it.
    crate::until(|| async { matches!(begin().await.unwrap()[..], [BeginResult::Fresh(_)]) }).await;
    assert!(first.fence > 0);
}
