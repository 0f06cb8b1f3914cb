//! The HTTP client with an endpoint that misbehaves. The numbers in the test names are those of the failure list.

mod faults;
mod fetch;
mod plain;
mod secure;
mod unreachable;
