//! Shared by the tests and the benches: the files of the repository.

use std::path::Path;

/// The root of the repository.
///
/// # Panics
/// If this package is not in a folder of the repository.
#[must_use]
#[expect(clippy::expect_used, reason = "a test may panic")]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is a folder of the repository")
}

/// Reads a JSON file of `tests/vectors/`.
///
/// # Panics
/// If there is no such file, or it is not JSON.
#[must_use]
#[expect(clippy::expect_used, reason = "a test may panic")]
pub fn vectors(name: &str) -> serde_json::Value {
    let text = std::fs::read(root().join("tests/vectors").join(name)).expect("a file of tests/vectors");
    serde_json::from_slice(&text).expect("the file is JSON")
}
