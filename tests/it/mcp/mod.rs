//! Tools by which agents manage callbacks.

pub mod agent;
mod events;
mod insight;
mod isolation;
mod jobs;
mod tools;
