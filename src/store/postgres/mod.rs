//! The store for many machines: one PostgreSQL.

mod append;
mod append_columns;
mod audit;
mod bulk_jobs;
mod clock;
mod connect;
mod control;
mod counts;
mod dedup;
mod dedup_batch;
mod diagnostics;
mod directory;
mod error;
mod events;
mod failures;
mod filter;
mod group;
mod history;
mod list;
mod migrate;
mod notifier;
mod numbers;
mod open;
mod open_error;
mod order;
mod outbox;
mod partitions;
mod placements;
mod records;
mod registry;
mod retention;
mod rollups;
mod rows;
mod session;
mod settle;
mod source;
#[cfg(feature = "sqlx")]
mod sqlx;
mod staging;
mod transaction;

use std::sync::Arc;

use self::dedup_batch::{Beginning, Finish};
use self::group::Group;
use self::notifier::Notifier;
pub use self::open::PostgresOptions;
use self::records::KeySealer;
use self::session::Db;
use self::settle::HealthCache;
use super::sql::DatabaseClock;
use super::{Append, OpenError};
use crate::secret::KeyProvider;

/// The store for many machines: one schema of one PostgreSQL database, as many processes as needed. Clones share the store and its
/// connections.
///
/// The store needs no broker, no leader and no second database: the processes of an application share one database, and each of them can do
/// all of the work.
///
/// # How the store works
///
/// - **Durable.** A call returns after its transaction has committed. A server whose `synchronous_commit` is off is refused, unless that is
///   [allowed](PostgresOptions::allow_asynchronous_commit).
/// - **Group commit.** Calls that arrive while the last group runs share the next transaction: a few statements with arrays, whatever the
///   number of callers.
/// - **Claims** are one statement: it takes the earliest due deliveries of each requested lane, with `FOR UPDATE SKIP LOCKED`. Two
///   processes never wait for each other and never claim the same delivery.
/// - **One clock for leases**: [`PostgresStore::clock`].
/// - **Unconfirmed commits.** If the connection is lost after a `COMMIT` was sent, an append is retried under the same keys: it is stored
///   once, whether the first try was committed or not. Other calls fail with [`Unknown`](super::StoreErrorKind::Unknown).
/// - **Conflicts**, deadlocks and serialization failures are retried up to five times.
/// - **Notifications.** `NOTIFY` after this process's commits, and when it writes rows of the outbox, wakes idle workers at once. At most a
///   hundred are sent per second. Without notifications
///   workers find the work by polling.
/// - **Growth.** Unfinished deliveries are in a small table. Finished deliveries and all events are in partitions of one day each, which
///   are created ahead of time and dropped when they are old. The ids of events are in a table of their own.
///
/// ```no_run
/// use hookwire::sender::Sender;
/// use hookwire::store::PostgresStore;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresStore::connect("postgres://localhost/app").await?;
/// let sender = Sender::builder(store.clone()).clock(store.clock()).build()?;
/// # Ok(())
/// # }
/// ```
///
/// # In the application's own transaction
///
/// From Rust: [`PostgresStore::dispatch_in`] for `tokio-postgres`, [`PostgresStore::dispatch_in_sqlx`] for `sqlx` (feature `sqlx`).
///
/// # From any other client
///
/// In any language, it is one call within the transaction of the business change:
///
/// ```sql
/// SELECT hookwire.dispatch('invoice.paid', '{"invoice": 1042}', 'acme');
/// ```
///
/// The event exists if and only if the transaction commits. The function writes one row into `hookwire.outbox`, reads no endpoint and sends
/// no notification. A running worker finds the row at its next [poll](crate::worker::Config::outbox_poll): after 25 ms while it has work, and
/// after up to two seconds if nothing has happened for a while. To wake workers at once, add `SELECT pg_notify('hookwire_hookwire', '')`
/// to the transaction (`hookwire_` and the name of the schema); commits that notify wait for each other on the server. In one
/// transaction the worker turns the row into an event with its deliveries, and deletes the row. The function returns the event's id. All its
/// arguments except the first two are optional, and can be passed by position or by name (`id => 'order-1'`):
///
/// | argument | type | meaning | default |
/// |---|---|---|---|
/// | `type` | `text` | the event type | required |
/// | `data` | `text` or `jsonb` | JSON, sent in the Standard Webhooks envelope | required |
/// | `tenant` | `text` | the tenant of the event | `default` |
/// | `id` | `text` | the caller's own id, which makes the call idempotent | a new id |
/// | `fifo_key`, `latest_key` | `text` | the ordering key; set at most one of the two | no order |
/// | `expires_at` | `timestamptz` | its deadline | none |
/// | `occurred_at` | `timestamptz` | when it happened | when the row was written |
///
/// An `INSERT` into `hookwire.outbox` does the same and has one more option: with a `content_type` the `data` (`bytea`) is sent unchanged.
/// Times in this table are microseconds since the Unix epoch. A row that cannot be dispatched is kept, with the reason in `error`:
/// an invalid type, data that is not JSON, a payload that is too long, or an id that another event has. Correct it and set `error`
/// to `NULL`, or delete it.
///
/// A role that only dispatches needs exactly these privileges. With them it can neither read the rows of others nor choose the numbers of
/// its rows.
///
/// ```sql
/// GRANT USAGE ON SCHEMA hookwire TO app;
/// GRANT INSERT (type, data, tenant, content_type, id, fifo_key, latest_key, expires_at, occurred_at), SELECT (id)
/// ON hookwire.outbox TO app;
/// ```
///
/// Rows that are longer than the sender allows are refused without being read.
///
/// # Caveats
///
/// - Pruning works by whole days: a delivery is deleted up to a day later than [`RetentionCutoff::work`](super::RetentionCutoff::work),
///   once all deliveries that were made on the same day are old.
/// - Events of the same millisecond from several processes are listed in no particular order. Ordering keys are not affected.
/// - Signing keys are stored in the clear, unless the store has a [key provider](PostgresStore::with_key_provider).
/// - A transaction that remains open for long, in any database of the server, prevents the cleanup of dead rows, and claims become slower.
///   `guide::scaling` has figures.
#[derive(Clone, Debug)]
pub struct PostgresStore {
    db: Db,
    appends: Group<Append>,
    beginnings: Group<Beginning>,
    finishes: Group<Finish>,
    notifier: Notifier,
    clock: DatabaseClock,
    health_cache: HealthCache,
    sealer: KeySealer,
}

impl PostgresStore {
    /// Opens the schema `hookwire` on this server, without TLS, and creates or updates its tables. For all other options use
    /// [`PostgresOptions`].
    ///
    /// # Errors
    /// Returns an [`OpenError`] that describes what is wrong with the server or the schema.
    pub async fn connect(url: &str) -> Result<Self, OpenError> {
        PostgresOptions::new(url)?.open().await
    }

    /// The server's time, for [`SenderBuilder::clock`](crate::sender::SenderBuilder::clock).
    #[must_use]
    pub fn clock(&self) -> DatabaseClock {
        self.clock.clone()
    }

    /// Seals signing keys and custom headers with this provider. Secrets that are stored in the clear remain readable and are sealed when
    /// they are next written, or by [`reseal`](Self::reseal). Every process on the database needs a provider that can open the secrets that
    /// the other processes seal.
    #[must_use]
    pub fn with_key_provider(mut self, provider: impl KeyProvider) -> Self {
        self.sealer = Some(Arc::new(provider));
        self
    }
}
