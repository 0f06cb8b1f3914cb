//! The egress guard: every case of `ssrf-cases.json`, and properties.

mod client;
pub mod fake;
mod properties;
mod table;
mod whatwg;
