//! Stores in memory: for tests, and for events that may be lost with the process.
//!
//! [`MemoryStore`] implements every role of the contract, but it loses everything when the process ends. Use
//! [`SqliteStore`](crate::store::SqliteStore) for data that must survive.

#[cfg(feature = "outbox")]
mod audit;
#[cfg(feature = "outbox")]
mod audit_table;
#[cfg(feature = "outbox")]
mod bulk_jobs;
#[cfg(feature = "outbox")]
mod control;
mod dedup;
#[cfg(feature = "outbox")]
mod diagnostics;
#[cfg(feature = "outbox")]
mod directory;
#[cfg(feature = "outbox")]
mod failure_table;
#[cfg(feature = "outbox")]
mod history;
#[cfg(feature = "outbox")]
mod job_table;
#[cfg(feature = "outbox")]
mod keyed;
#[cfg(feature = "outbox")]
mod note_table;
#[cfg(feature = "outbox")]
mod order;
#[cfg(feature = "outbox")]
mod outbox;
#[cfg(feature = "outbox")]
mod placements;
#[cfg(feature = "outbox")]
mod registry;
#[cfg(feature = "outbox")]
mod retention;
#[cfg(feature = "outbox")]
mod rollups;
#[cfg(feature = "outbox")]
mod staging;
#[cfg(feature = "outbox")]
mod tables;
#[cfg(feature = "outbox")]
mod tally;

pub use self::dedup::MemoryDedup;
#[cfg(feature = "outbox")]
pub use self::tables::MemoryStore;
