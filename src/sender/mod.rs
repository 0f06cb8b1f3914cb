//! Sending. (Skeleton.)
pub mod egress;
mod http;
