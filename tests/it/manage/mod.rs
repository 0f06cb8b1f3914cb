//! The HTTP API for management.

mod api;
mod isolation;
mod requests;
mod secrecy;
mod transcript;
