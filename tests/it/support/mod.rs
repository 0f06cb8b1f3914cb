//! What several tests share.

use std::path::Path;

/// A vector file of `tests/vectors/`.
pub fn vectors(name: &str) -> serde_json::Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub mod log;
pub mod server;

/// Waits until `ready` says so; fails after a minute.
pub async fn until<F: Future<Output = bool>>(ready: impl Fn() -> F) {
    for _ in 0..6_000 {
        if ready().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it did not come to pass");
}

/// Whether a tool can be used here. Without it a test must not pass: the caller says why it did not run, and fails when
/// `HOOKWIRE_TEST_REQUIRE` is set.
#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
pub fn lacks(tool: &str, works: bool) -> bool {
    if works {
        return false;
    }
    assert!(std::env::var_os("HOOKWIRE_TEST_REQUIRE").is_none(), "{tool} is required here, and does not work");
    eprintln!("NOT RUN: {tool} does not work here; HOOKWIRE_TEST_REQUIRE=1 makes this a failure");
    true
}
