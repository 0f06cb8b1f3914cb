//! The HTTP client against an endpoint that misbehaves. Names are those of the failure list.

mod plain;
mod secure;
