//! Where events, deliveries, endpoints and dedup records are kept: seven small roles and their backends.
//!
//! A store implements the roles it can; [`Store`] is the six that a sender needs. `now` is always an argument, and
//! every method takes a batch, so that a backend can make many calls one transaction.
//!
//! # The contract
//!
//! Each MUST names the case of the conformance suite (`hookwire::testing::conformance`, feature `test-util`) that
//! checks it. Every backend, wrapper and `Arc<dyn …>` runs all of them. The MUSTs of each role stand on its trait.

#[cfg(feature = "outbox")]
mod control;
mod dedup;
#[cfg(feature = "outbox")]
mod directory;
mod error;
#[cfg(feature = "outbox")]
mod history;
#[cfg(feature = "outbox")]
mod intake;
pub mod memory;
#[cfg(feature = "outbox")]
mod outbox;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod relational;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod room;
#[cfg(feature = "outbox")]
mod roster;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(feature = "outbox")]
mod work_history;

#[cfg(feature = "outbox")]
pub use self::control::{Control, EventQuery, EventSummary, Owe};
pub use self::dedup::{Begin, Claimant, Dedup, DedupEntry, DedupGroup, DedupKey, FirstAnswer, Settled};
#[cfg(feature = "outbox")]
pub use self::directory::{Directory, Put, Removal, Resealed};
pub use self::error::{StoreError, StoreErrorKind};
#[cfg(feature = "outbox")]
pub use self::history::{Counts, DeliveryQuery, Finished, History, Old, Page};
#[cfg(feature = "outbox")]
pub use self::intake::{Admit, Admitted, Intake, Staged, Wakes};
pub use self::memory::MemoryDedup;
#[cfg(feature = "outbox")]
pub use self::memory::MemoryStore;
#[cfg(feature = "outbox")]
pub use self::outbox::{Append, Appended, Claim, Claimed, LaneClaim, LaneDue, Outbox, Store};
#[cfg(feature = "postgres")]
pub use self::postgres::PostgresStore;
#[cfg(feature = "redis")]
pub use self::redis::RedisDedup;
#[cfg(feature = "outbox")]
pub use self::roster::Roster;
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteStore;
#[cfg(feature = "outbox")]
pub use self::work_history::WorkHistory;
