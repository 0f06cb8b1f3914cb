//! Tools by which agents manage callbacks.

pub mod agent;
mod isolation;
mod tools;
