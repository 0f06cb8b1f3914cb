//! Empty: the benchmark of this package is in `main.rs`.
