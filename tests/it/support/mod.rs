//! Helpers for several tests.

pub use hookwire_tests::vectors;

pub mod history;
pub mod log;
pub mod server;

/// Waits until `ready` returns true. Fails after a minute.
pub async fn until<F: Future<Output = bool>>(ready: impl Fn() -> F) {
    for _ in 0..6_000 {
        if ready().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the condition was not met within a minute");
}

/// Whether a tool that a test needs does not work here. Prints that the test did not run, or fails if `HOOKWIRE_TEST_REQUIRE` is
/// set.
#[expect(clippy::print_stderr, reason = "a skipped test must be visible")]
pub fn lacks(tool: &str, works: bool) -> bool {
    if works {
        return false;
    }
    assert!(std::env::var_os("HOOKWIRE_TEST_REQUIRE").is_none(), "{tool} is required here, and does not work");
    eprintln!("NOT RUN: {tool} does not work here; HOOKWIRE_TEST_REQUIRE=1 makes this a failure");
    true
}
