//! The HTTP API for management.

pub mod api;
mod audit;
mod authority;
mod failures;
mod isolation;
mod jobs;
mod lists;
mod requests;
mod rollups;
mod scoped;
mod secrecy;
mod transcript;
