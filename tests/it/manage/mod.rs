//! The HTTP API for management.

pub mod api;
mod isolation;
mod requests;
mod secrecy;
mod transcript;
