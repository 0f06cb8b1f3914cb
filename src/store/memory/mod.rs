//! Stores in memory: for tests, and for events that may be lost with the process.
//!
//! [`MemoryStore`] keeps every role of the contract except that nothing survives the process. Use
//! [`SqliteStore`](crate::store::SqliteStore) for what must.

#[cfg(feature = "outbox")]
mod control;
mod dedup;
#[cfg(feature = "outbox")]
mod directory;
#[cfg(feature = "outbox")]
mod history;
#[cfg(feature = "outbox")]
mod order;
#[cfg(feature = "outbox")]
mod outbox;
#[cfg(feature = "outbox")]
mod roster;
#[cfg(feature = "outbox")]
mod tables;

pub use self::dedup::MemoryDedup;
#[cfg(feature = "outbox")]
pub use self::tables::MemoryStore;
