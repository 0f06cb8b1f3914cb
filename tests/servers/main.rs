//! Tests that need a server: PostgreSQL, Redis, a pooler.
//!
//! `HOOKWIRE_TEST_POSTGRES` and `HOOKWIRE_TEST_REDIS` have their addresses. Without them, the tests try the standard local ports, and
//! then start servers from the installed binaries. If a test's server is missing, the test is reported as ignored, with the name of
//! the missing server; with `HOOKWIRE_TEST_REQUIRE=1` it fails.
#![expect(clippy::disallowed_methods, reason = "tests play the outside world: clocks, sockets and all")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]
#![expect(clippy::cognitive_complexity, reason = "each assertion counts as a branch")]
#![expect(clippy::missing_panics_doc, reason = "tests panic")]
#![expect(unreachable_pub, reason = "modules of a test binary share freely")]

mod apart;
#[expect(dead_code, reason = "the other tests use more of it")]
#[path = "../it/store/child.rs"]
mod child;
mod clients;
mod conformance;
mod failover;
mod faults;
mod kill;
mod operator;
mod pooler;
mod postgres;
mod redis;
mod replicated;
mod schema;
#[expect(dead_code, reason = "the other tests use more of it")]
#[path = "../it/support/server.rs"]
mod server;
mod silence;
mod upkeep;

use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};

/// Makes trials for tests that need a certain server.
#[derive(Clone, Debug)]
pub struct Needs {
    what: &'static str,
    at: Option<String>,
}

impl Needs {
    /// A test on a runtime with two threads; it gets the address of the server.
    pub fn test<F>(&self, name: impl Into<String>, run: impl FnOnce(String) -> F + Send + 'static) -> Trial
    where
        F: Future<Output = ()>,
    {
        let at = self.at.clone();
        let what = self.what;
        let missing = at.is_none();
        let trial = Trial::test(name, move || {
            let at = at.ok_or_else(|| Failed::from(format!("needs {what}")))?;
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(run(at));
            runtime.shutdown_timeout(Duration::from_secs(5));
            Ok(())
        });
        let required = std::env::var_os("HOOKWIRE_TEST_REQUIRE").is_some();
        if missing { trial.with_kind(format!("needs {what}")).with_ignored_flag(!required) } else { trial }
    }
}

/// A hidden test, which another test starts as a child process.
pub fn hidden<F>(name: &str, run: impl FnOnce() -> F + Send + 'static) -> Trial
where
    F: Future<Output = ()>,
{
    let trial = Trial::test(name, move || {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(run());
        Ok(())
    });
    trial.with_ignored_flag(true)
}

/// Waits until `ready` returns true; fails after three minutes.
pub async fn until<F: Future<Output = bool>>(ready: impl Fn() -> F) {
    for _ in 0..18_000 {
        if ready().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the condition was not met in time");
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    // A child gets all addresses from its parent.
    let is_child = arguments.ignored;
    let find = |find: fn() -> Option<String>| if is_child { None } else { find() };
    let postgres = Needs { what: "a PostgreSQL server", at: find(schema::find) };
    let binaries = Needs { what: "an installed PostgreSQL", at: find(|| postgres::binaries().map(|_| String::new())) };
    let mut trials = conformance::trials(&postgres);
    let installed = std::env::var_os("HOOKWIRE_INTEROP").and(postgres.at.clone());
    trials.extend(clients::trials(&postgres, &Needs { what: "a PostgreSQL client for Python", at: installed }));
    trials.extend(faults::trials(&postgres, &binaries));
    trials.extend(kill::trials(&binaries));
    trials.extend(failover::trials(&binaries));
    trials.extend(operator::trials(&postgres, &binaries));
    trials.extend(silence::trials(&postgres, &binaries));
    trials.extend(replicated::trials(&binaries));
    trials.extend(upkeep::trials(&postgres));
    trials.extend(apart::trials(&postgres));
    let redis = Needs { what: "a Redis server", at: find(redis::find) };
    let redis_server = Needs { what: "an installed Redis", at: find(|| redis::installed().map(|()| String::new())) };
    trials.extend(redis::trials(&redis, &redis_server));
    trials.extend(pooler::trials(&Needs { what: "pgbouncer", at: pooler::find().and(postgres.at.clone()) }));
    libtest_mimic::run(&arguments, trials).exit_code()
}
