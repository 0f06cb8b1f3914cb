//! Longer texts: promises, operation, receiving, threats, scaling, and how to do one thing at a time.
//!
//! | page | what it answers |
//! |---|---|
//! | [`how_to`] | how do I ...? Short answers with code |
//! | [`stacks`] | receiving in each framework, verifying without tokio, sending from each database library |
//! | [`delivery`] | what "at least once" means, and when an endpoint receives an event twice |
//! | [`operating`] | isolation, health, order, replay, signing, stopping |
//! | [`receiving`] | what a verified request proves, and how to handle each event once |
//! | [`providers`] | the providers, with signature, handshake, identity and limits |
//! | [`managing`] | the HTTP API, the MCP tools and A2A, for customers and their agents |
//! | [`threats`] | possible attacks, the protections, and the numbered rules of receiving |
//! | [`scaling`] | how much load one database takes, and what to do beyond that |
//! | [`writing_a_store`] | how to write a store of your own: a wrapper, or a backend for another database |
//! | [`migrating`] | how to migrate from Svix, from `standardwebhooks`, or from a table of your own |
//! | [`comparison`] | hookwire beside Svix, Convoy, Outpost and `standardwebhooks` |

#[doc = include_str!("comparison.md")]
pub mod comparison {}

#[doc = include_str!("how_to.md")]
pub mod how_to {}

#[doc = include_str!("delivery.md")]
pub mod delivery {}

#[doc = include_str!("managing.md")]
pub mod managing {}

#[doc = include_str!("migrating.md")]
pub mod migrating {}

#[doc = include_str!("operating.md")]
pub mod operating {}

#[doc = include_str!("providers.md")]
pub mod providers {}

#[doc = include_str!("receiving.md")]
pub mod receiving {}

#[doc = include_str!("stacks.md")]
pub mod stacks {}

#[doc = include_str!("threats.md")]
pub mod threats {}

#[doc = include_str!("scaling.md")]
pub mod scaling {}

#[doc = include_str!("writing_a_store.md")]
pub mod writing_a_store {}

/// Compiles the code in the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
