//! The egress guard against every case of `ssrf-cases.json`, and its properties.

mod client;
pub mod fake;
mod properties;
mod table;
