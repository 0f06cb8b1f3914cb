//! The HTTP API for management.

pub mod api;
mod authority;
mod door;
mod isolation;
mod requests;
mod secrecy;
mod transcript;
