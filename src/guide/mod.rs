//! Longer texts: what delivery promises, what operators can do, what customers and their agents can, what receiving asks of you, how far it goes, what is defended against whom.

#[doc = include_str!("delivery.md")]
pub mod delivery {}

#[doc = include_str!("managing.md")]
pub mod managing {}

#[doc = include_str!("operating.md")]
pub mod operating {}

#[doc = include_str!("providers.md")]
pub mod providers {}

#[doc = include_str!("receiving.md")]
pub mod receiving {}

#[doc = include_str!("threats.md")]
pub mod threats {}

#[doc = include_str!("scaling.md")]
pub mod scaling {}

/// So that the README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
