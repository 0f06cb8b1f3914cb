//! Deliveries from dispatch to settled, compared with a bare loop that signs and posts the same payloads.
//!
//! One run measures three programs in turn, over several rounds, on one runtime thread: a hyper client that only signs and posts;
//! hookwire with the memory store; hookwire with SQLite. All send to one receiver in another process. It prints the rates, the CPU
//! time for 1,000 deliveries (of this process, with kernel time), and the ratio to the bare loop.
//!
//! Run it with `cargo bench -p hookwire-tests --bench flow`. `HOOKWIRE_BENCH_EVENTS` sets the number of events in a round (default 60,000).
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints and reads the clock"
)]

#[expect(dead_code, reason = "another benchmark uses the rest")]
mod parts;

use std::time::Instant;

use hookwire::store::{MemoryStore, SqliteStore};

use self::parts::{bare, hookwire, receiver, start_receiver};

const ROUNDS: usize = 3;

fn main() {
    if std::env::args().any(|argument| argument == "receiver") {
        return runtime().block_on(receiver::serve());
    }
    let events = std::env::var("HOOKWIRE_BENCH_EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(60_000);
    let (mut child, url) = start_receiver();
    if let Ok(only) = std::env::var("HOOKWIRE_BENCH_ONLY") {
        profile(&only, &url, events);
        return child.kill().unwrap();
    }
    let mut results: [Vec<Measured>; 3] = Default::default();
    for _ in 0..ROUNDS {
        results[0].push(measure(events, bare(&url, events)));
        results[1].push(measure(events, hookwire(MemoryStore::new(), &url, events)));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("flow.db");
        let sqlite = async { hookwire(SqliteStore::open(&path).await.unwrap(), &url, events).await };
        results[2].push(measure(events, sqlite));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    report(&results);
}

/// Runs only one of the three programs, for a profiler.
fn profile(only: &str, url: &str, events: usize) {
    let measured = match only {
        "bare" => measure(events, bare(url, events)),
        "memory" => measure(events, hookwire(MemoryStore::new(), url, events)),
        _ => {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("flow.db");
            measure(events, async { hookwire(SqliteStore::open(&path).await.unwrap(), url, events).await })
        }
    };
    println!("{only}: {:.0} deliveries/s, {:.2} us CPU each", measured.per_second, measured.cpu_micros);
}

#[derive(Clone, Copy)]
struct Measured {
    per_second: f64,
    cpu_micros: f64,
}

/// Measures `work`. Its result is dropped after the measurement, because dropping a store is not part of delivering.
fn measure<T>(events: usize, work: impl Future<Output = T>) -> Measured {
    let (cpu, began) = (cpu_seconds(), Instant::now());
    let _result = runtime().block_on(work);
    let count = events as f64;
    Measured { per_second: count / began.elapsed().as_secs_f64(), cpu_micros: (cpu_seconds() - cpu) * 1e6 / count }
}

fn runtime() -> tokio::runtime::Runtime {
    if let Some(n) = std::env::var("HOOKWIRE_BENCH_WORKERS").ok().and_then(|n| n.parse().ok()) {
        return tokio::runtime::Builder::new_multi_thread().worker_threads(n).enable_all().build().unwrap();
    }
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// User and kernel time of this process and all its threads.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

fn median(results: &[Measured], of: impl Fn(&Measured) -> f64) -> f64 {
    let mut values: Vec<_> = results.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn report(results: &[Vec<Measured>; 3]) {
    let bare = median(&results[0], |it| it.cpu_micros);
    println!("{:<24}{:>14}{:>20}{:>12}{:>10}", "", "deliveries/s", "CPU s per 1,000", "CPU ratio", "target");
    for (name, results, target) in [
        ("bare hyper loop", &results[0], ""),
        ("hookwire, memory", &results[1], ">= 0.70"),
        ("hookwire, SQLite", &results[2], ">= 0.35"),
    ] {
        let (rate, cpu) = (median(results, |it| it.per_second), median(results, |it| it.cpu_micros));
        println!("{name:<24}{rate:>14.0}{:>20.4}{:>12.2}{target:>10}", cpu / 1e3, bare / cpu);
    }
}
