//! Stores of events, deliveries, endpoints and dedup records: thirteen small roles, and backends that implement them. A store may implement
//! some or all roles. [`Store`] combines the eleven roles that a sender or an inbox needs. [`Dedup`] is the role that a receiver needs, and
//! [`Placements`] the one that [`Senders`](crate::sender::Senders) over several stores need. [`MemoryStore`], [`SqliteStore`] and
//! [`PostgresStore`] implement all thirteen. To write a store of your own, read
//! [`guide::writing_a_store`](crate::guide::writing_a_store).
//!
//! # The contract
//! Each trait lists the rules for its implementations. The names in brackets are the cases of the conformance suite
//! (`hookwire::testing::conformance`, feature `test-util`) that check a rule. Every backend and wrapper runs all of them. These rules hold
//! for all roles:
//!
//! 1. **Time is an argument.** A store never reads a clock to decide which deliveries are due or which leases have ended. It MAY correct a
//!    `now` that is ahead of its database's clock, so that a process with a wrong clock delays no delivery.
//! 2. **Batches.** Each method takes a batch, so that a backend can make many calls one transaction. It returns one result for each
//!    element, in order. An empty batch returns nothing (`empty_batches_are_answered_with_nothing`).
//! 3. **Completely or not at all.** A call that fails has changed nothing, except with [`StoreErrorKind::Unknown`]: then the complete call
//!    may have happened. A future may be dropped at any await: the operation then happens completely or not at all, and no connection
//!    remains in the middle of a transaction.
//! 4. **Durable.** A change that a method has reported as done survives a crash of the process and of the machine, unless the store
//!    documents that it keeps nothing.
//! 5. **Visible.** A change that was reported as done is visible to every other handle on the same store, and to every later call.
//! 6. **Conflicts between transactions.** When the database aborts a transaction because of a deadlock or a serialization failure, the
//!    transaction has had no effect. The store MUST run it again by itself, a bounded number of times, before it fails with
//!    [`StoreErrorKind::Unavailable`].
//! 7. **Bytes.** Ids, tenants, names, keys and payloads are kept and compared byte by byte. A collation that ignores case, accents or
//!    trailing spaces, and a column that truncates, break the contract. Times are kept to the microsecond.
//! 8. **Two kinds of work.** [Sent and received work](crate::id::Work) share the tables, but no row belongs to both.
//! 9. **Damaged rows.** A call that needs an unreadable row fails with [`StoreErrorKind::Corrupt`]. Such a row MUST NOT stop calls for
//!    other tenants or lanes.

#[macro_use]
mod delegate;

#[cfg(feature = "outbox")]
mod append;
#[cfg(feature = "outbox")]
mod audit;
#[cfg(feature = "outbox")]
mod bulk_job;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod byte_budget;
#[cfg(feature = "outbox")]
mod control;
#[cfg(feature = "outbox")]
mod counts;
mod dedup;
#[cfg(feature = "outbox")]
mod diagnostics;
#[cfg(feature = "outbox")]
mod directory;
mod error;
#[cfg(feature = "outbox")]
mod failures;
#[cfg(feature = "outbox")]
mod history;
#[cfg(feature = "outbox")]
mod listed;
mod memory;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod open_error;
#[cfg(feature = "outbox")]
pub mod ordering;
#[cfg(feature = "outbox")]
mod outbox;
#[cfg(feature = "outbox")]
mod placement;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "manage", feature = "mcp", feature = "console"))]
pub(crate) mod query_text;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "outbox")]
mod registry;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod relational;
#[cfg(feature = "outbox")]
mod retention;
#[cfg(feature = "outbox")]
mod rollup;
#[cfg(feature = "outbox")]
pub mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "outbox")]
mod staging;
#[cfg(feature = "outbox")]
mod step;
#[cfg(any(feature = "manage", feature = "console"))]
pub(crate) mod turn;
#[cfg(feature = "outbox")]
mod work_history;

#[doc(hidden)]
pub use async_trait::async_trait as __async_trait;

#[cfg(feature = "outbox")]
pub use self::append::{Append, Appended};
#[cfg(feature = "outbox")]
pub use self::audit::{AuditEntry, AuditLog, AuditQuery};
#[cfg(feature = "outbox")]
pub use self::bulk_job::{BulkJob, BulkJobs, FINISHED_JOBS_KEPT};
#[cfg(feature = "outbox")]
pub use self::control::{AddDelivery, Control};
#[cfg(feature = "outbox")]
pub use self::counts::Counts;
pub use self::dedup::{BeginResult, Dedup, DedupEntry, DedupGroup, DedupKey, DedupLease, FirstResponse, Settled};
#[cfg(feature = "outbox")]
pub use self::diagnostics::{DiagnosticNote, Diagnostics, NOTES_KEPT};
#[cfg(feature = "outbox")]
pub use self::directory::{Directory, PutResult, Removal, Resealed};
pub use self::error::{StoreError, StoreErrorKind};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(in crate::store) use self::failures::FailureSum;
#[cfg(feature = "outbox")]
pub use self::failures::{FailureGroup, FailureKind, FailureList, FailureQuery};
#[cfg(feature = "outbox")]
pub use self::history::{DeliveryQuery, EventQuery, EventSummary, History};
#[cfg(feature = "outbox")]
pub use self::listed::{Listed, MOST_EXAMINED, Page};
pub use self::memory::MemoryDedup;
#[cfg(feature = "outbox")]
pub use self::memory::MemoryStore;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use self::open_error::OpenError;
#[cfg(feature = "outbox")]
pub use self::outbox::{Claim, Claimed, Outbox, Store};
#[cfg(feature = "outbox")]
pub use self::placement::{Placement, Placements};
#[cfg(feature = "postgres")]
pub use self::postgres::{PostgresOptions, PostgresStore};
#[cfg(feature = "redis")]
pub use self::redis::RedisDedup;
#[cfg(feature = "outbox")]
pub use self::registry::WorkerRegistry;
#[cfg(feature = "outbox")]
pub use self::retention::{FinishedCursor, Retention, RetentionCutoff};
#[cfg(feature = "outbox")]
pub use self::rollup::{Rollup, RollupGroup, Rollups};
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteStore;
#[cfg(feature = "outbox")]
pub use self::staging::{ChangeListener, Import, ImportResult, StagedRow, Staging};
#[cfg(feature = "outbox")]
pub use self::step::RollupStep;
#[cfg(feature = "outbox")]
pub use self::work_history::WorkHistory;
/// The exact crate version that the transactions for [`SqliteStore`] must come from.
#[cfg(feature = "sqlite")]
pub use rusqlite;
/// The exact crate version that the transactions for [`PostgresStore`] must come from.
#[cfg(feature = "postgres")]
pub use tokio_postgres;
