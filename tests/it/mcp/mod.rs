//! Tools by which agents manage callbacks.

mod agent;
mod isolation;
mod tools;
