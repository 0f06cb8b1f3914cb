//! What several tests share.

use std::path::Path;

/// A vector file of `tests/vectors/`.
pub fn vectors(name: &str) -> serde_json::Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

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
