//! The store for many machines: one PostgreSQL, as many processes as needed.
//!
//! No broker, no leader, no second store: the processes of an application share one database, and any of them does any work.
//!
//! # How it keeps its promises
//!
//! - **Durable.** A call is answered after its transaction has committed. A server whose `synchronous_commit` is off is
//!   refused, unless that is [allowed](PostgresOptions::allow_asynchronous_commit).
//! - **Group commit.** Calls that arrive while the last group is under way share the next transaction: a few statements with
//!   arrays, whatever the number of callers.
//! - **Claims** are one statement: of each lane asked for the earliest due, `FOR UPDATE SKIP LOCKED`. Two processes never wait for
//!   each other, and never claim the same.
//! - **Leases by one clock**: [`PostgresStore::clock`].
//! - **Unanswered commits.** When the connection is lost after a `COMMIT` was sent, an append is tried again under the same keys:
//!   it is stored once, whatever had become of the first try. For other calls the answer is
//!   [`Unknown`](super::StoreErrorKind::Unknown).
//! - **Conflicts**, deadlocks and serialization failures are tried again, up to five times.
//! - **Nobody is needed awake.** `NOTIFY` after our own commits, at most fifty a second and process, wakes idle workers at once;
//!   without it they find the work by looking for it.
//! - **Growth.** What is owed stands in a small table; what is finished, and every event, in partitions of a day each, made
//!   ahead of time and dropped whole when they are old. The ids of events stand in a table of their own.
//!
//! ```no_run
//! use hookwire::sender::Sender;
//! use hookwire::store::PostgresStore;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let store = PostgresStore::connect("postgres://localhost/app").await?;
//! let sender = Sender::builder(store.clone()).clock(store.clock()).build()?;
//! # Ok(())
//! # }
//! ```
//!
//! # In the application's own transaction
//!
//! From Rust: [`PostgresStore::dispatch_in`] for `tokio-postgres`, [`PostgresStore::dispatch_in_sqlx`] for `sqlx` (feature `sqlx`).
//!
//! # From any other client
//!
//! Whatever the language, one call within the transaction that changes the business:
//!
//! ```sql
//! SELECT hookwire.dispatch('invoice.paid', '{"invoice": 1042}', 'acme');
//! ```
//!
//! The event exists exactly when the transaction commits. The function writes one row into `hookwire.outbox`, reads no endpoint
//! and notifies nobody; a running worker finds the row within 25 ms ([`Config::tend`](crate::worker::Config::tend)), makes an
//! event with its deliveries of it and deletes it, in one transaction. It answers the event's id. Its arguments, of which
//! all but the first two may be left out, by position or by name (`id => 'order-1'`):
//!
//! | argument | type | meaning | without it |
//! |---|---|---|---|
//! | `type` | `text` | the event type | required |
//! | `data` | `text` or `jsonb` | JSON, sent in the Standard Webhooks envelope | required |
//! | `tenant` | `text` | whose event it is | `default` |
//! | `id` | `text` | the caller's own id, which makes the call idempotent | made |
//! | `fifo_key`, `latest_key` | `text` | the ordering key, of one kind or the other | no order |
//! | `expires_at` | `timestamptz` | its deadline | none |
//! | `occurred_at` | `timestamptz` | when it happened | when the row was written |
//!
//! An `INSERT` into `hookwire.outbox` does the same and can do one thing more: with a `content_type` the `data` (`bytea`) is
//! sent as it is. Times there are microseconds since the Unix epoch. A row that cannot be dispatched (a malformed type,
//! data that is not JSON, a payload that is too long, an id that was used for something else) stays, with the reason in `error`;
//! correct it and set `error` to `NULL`, or delete it.
//!
//! A role that only dispatches needs this, and should have no more: it can neither read what others have written nor give rows
//! numbers of its own.
//!
//! ```sql
//! GRANT USAGE ON SCHEMA hookwire TO app;
//! GRANT INSERT (type, data, tenant, content_type, id, fifo_key, latest_key, expires_at, occurred_at), SELECT (id)
//! ON hookwire.outbox TO app;
//! ```
//!
//! Rows that are longer than the sender allows are refused without being read.
//!
//! # Caveats
//!
//! - History goes by whole days: a delivery is forgotten up to a day later than [`Old::work`](super::Old::work) says, once its
//!   whole day of making is old.
//! - Events of one millisecond from several processes are listed in no particular order. Ordering keys are not affected.
//! - Signing keys are stored in the clear, unless there is a [key provider](PostgresStore::with_key_provider).
//! - A transaction that stays open for long, anyone's on the server, keeps dead rows from being cleaned up; claims slow down with
//!   them. `guide::scaling` has figures.

mod append;
mod bell;
mod clock;
mod connect;
mod control;
mod dedup;
mod directory;
mod error;
mod group;
mod history;
mod intake;
mod list;
mod migrate;
mod numbers;
mod open;
mod order;
mod outbox;
mod partitions;
mod records;
mod roster;
mod rows;
mod session;
mod settle;
#[cfg(feature = "sqlx")]
mod sqlx;
mod transaction;

use std::sync::Arc;

use self::bell::Bell;
pub use self::clock::DatabaseClock;
use self::dedup::{Beginning, Finish};
use self::group::Group;
pub use self::open::{OpenError, PostgresOptions};
use self::records::Vault;
use self::session::Db;
use self::settle::Noted;
use super::Append;
use crate::secret::KeyProvider;
/// The very crate that transactions must come from.
pub use tokio_postgres;

/// A store in one schema of a PostgreSQL database. Clones share it, and its connections.
#[derive(Clone, Debug)]
pub struct PostgresStore {
    db: Db,
    appends: Group<Append>,
    beginnings: Group<Beginning>,
    finishes: Group<Finish>,
    bell: Bell,
    clock: DatabaseClock,
    noted: Noted,
    vault: Vault,
}

impl PostgresStore {
    /// Opens the schema `hookwire` on this server, without TLS, and makes or updates its tables. For everything else there is
    /// [`PostgresOptions`].
    ///
    /// # Errors
    /// Says what is wrong with the server or the schema.
    pub async fn connect(url: &str) -> Result<Self, OpenError> {
        PostgresOptions::new(url)?.open().await
    }

    /// The server's time, for [`SenderBuilder::clock`](crate::sender::SenderBuilder::clock).
    #[must_use]
    pub fn clock(&self) -> DatabaseClock {
        self.clock.clone()
    }

    /// Keeps signing keys and custom headers sealed by this provider. What is in the clear stays readable, and is sealed when it is
    /// next written, or by [`reseal`](Self::reseal). Every process on the database needs a provider that can open what the others
    /// seal.
    #[must_use]
    pub fn with_key_provider(mut self, provider: impl KeyProvider) -> Self {
        self.vault = Some(Arc::new(provider));
        self
    }
}
