//! An event is dispatched in a transaction of each database library: it exists if the transaction commits, and otherwise not.
//!
//! The lines between `shown` and `end` are those of the guide's page `stacks`, which a test of `hookwire-stacks` compares.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(unreachable_pub, reason = "the file of another test shares freely")]

mod database;
mod diesel_async;
#[path = "../servers/postgres.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod postgres;
mod sea_orm;
mod sqlx;
