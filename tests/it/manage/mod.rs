//! The HTTP API for management.

pub mod api;
mod authority;
mod isolation;
mod requests;
mod secrecy;
mod transcript;
