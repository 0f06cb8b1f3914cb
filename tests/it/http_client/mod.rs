//! The HTTP client against an endpoint that misbehaves. Names are those of the failure list.

mod faults;
mod fetch;
mod plain;
mod secure;
mod unreachable;
