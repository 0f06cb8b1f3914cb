//! Each framework receives a signed request once, and refuses a forged one and one that is too long.
//!
//! The lines between `shown` and `end` are those of the guide's page `stacks`, which a test compares.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod actix_web;
mod axum;
mod function;
mod hyper;
mod lambda;
mod ntex;
mod page;
mod poem;
mod rocket;
mod salvo;
mod stack;
mod warp;
