//! The embedded store: one SQLite file, durable, shared by as many processes as need it.
//!
//! # How it keeps its promises
//!
//! - **Durable.** Write-ahead log with `synchronous=FULL`: every transaction is on the disk before its callers are
//!   answered.
//! - **Group commit.** One thread writes. Calls that arrive while it waits for the disk share the next transaction, so
//!   512 concurrent callers cost a few `fsync`s, not 512.
//! - **Whole or not at all.** A full disk, or a quota that is used up, is an error for every caller of the group, and the file is as it was. After a
//!   failed write the store closes itself: what the operating system then still has is not to be trusted.
//! - **Bounded.** 4,096 calls and 64 MiB of payload may wait for the writer; further callers wait before they are queued.
//! - **Readers apart.** History is read on other connections and never waits for the writer.
//! - **Two processes, one file.** Claims are single transactions under the write lock; a lease excludes every process.
//!   The file must be on a local disk: SQLite's locks do not work over network file systems.
//!
//! ```
//! use hookwire::sender::Sender;
//! use hookwire::store::SqliteStore;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("webhooks.db");
//! let store = SqliteStore::open(&path).await?;
//! let sender = Sender::builder(store).build()?;
//! # Ok(())
//! # }
//! ```
//!
//! # In the application's own transaction
//!
//! Opened [in the application's database](SqliteStore::open_in_application_database), hookwire's tables stand beside the
//! application's, and an event can be part of the transaction that changes the business: it exists exactly when that commits.
//! From Rust this is [`SqliteStore::dispatch_in`]. From any other client, ORM or language it is one `INSERT`:
//!
//! ```sql
//! INSERT INTO hookwire_outbox (type, data, tenant) VALUES ('invoice.paid', '{"invoice": 1042}', 'acme');
//! ```
//!
//! A running worker finds the row within 25 ms of the commit ([`Config::tend`](crate::worker::Config::tend)), makes an event
//! with its deliveries of it and deletes it, in one transaction. The columns:
//!
//! | column | meaning | without it |
//! |---|---|---|
//! | `type` | the event type | required |
//! | `data` | JSON text, sent in the Standard Webhooks envelope; with a `content_type` any text or blob, sent as it is | required |
//! | `tenant` | whose event it is | `default` |
//! | `content_type` | media type of `data` | `data` is JSON |
//! | `id` | the caller's own id, which makes the insert idempotent | made by the worker |
//! | `occurred_at` | when it happened, in microseconds since the Unix epoch | `written_at`, or when it is taken in |
//! | `fifo_key`, `latest_key` | the ordering key, of one kind or the other | no order |
//! | `expires_at` | its deadline, in microseconds | none |
//! | `written_at` | when the row was written | unknown |
//!
//! A row that cannot be dispatched (a malformed type, data that is not JSON, a payload that is too long, an id that was used
//! for something else) stays, with the reason in `error`; correct it and set `error` to `NULL`, or delete it. The order of
//! rows is the order of events.
//!
//! # Caveats
//!
//! Signing keys are stored in the clear, unless there is a [key provider](SqliteStore::with_key_provider). Copy the file with SQLite's backup API or `VACUUM INTO`, not with `cp` while it is
//! open. A store does not work in a forked child: its calls fail as closed there. When the file is deleted or replaced under
//! an open store, the store closes itself rather than acknowledge what would be lost (Unix).

mod control;
mod dedup;
mod directory;
mod history;
mod intake;
mod open;
mod order;
mod outbox;
mod place;
mod roster;
mod rows;
mod schema;
mod settle;
#[cfg(test)]
mod tests;
mod thread;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use rusqlite::Connection;
use tokio::sync::oneshot;

use self::open::Company;
pub use self::open::OpenError;
use self::rows::Vault;
use self::thread::Executor;
use super::StoreError;
use crate::secret::KeyProvider;
/// The very crate that transactions must come from.
pub use rusqlite;

/// Connections that read.
const READERS: usize = 2;

/// A store in one SQLite file. Clones share it; its threads end when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    writer: Executor,
    readers: Arc<[Executor]>,
    turn: Arc<AtomicUsize>,
    vault: Vault,
    /// Up to which dedup record the last sweep has come.
    swept: Arc<AtomicI64>,
}

impl SqliteStore {
    /// Opens a file, or makes it. A file that is not a hookwire store, is damaged, read-only or of a later version is
    /// refused and not changed. Files up to 16 MiB are checked page by page; for larger ones there is
    /// [`check`](Self::check).
    ///
    /// # Errors
    /// Says what is wrong with the file.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path.as_ref(), Company::Alone).await
    }

    /// Opens an application's own database and keeps hookwire's tables (their names begin with `hookwire_`) beside the
    /// application's. The file is switched to write-ahead logging.
    ///
    /// # Errors
    /// Says what is wrong with the file.
    pub async fn open_in_application_database(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path.as_ref(), Company::Shared).await
    }

    async fn open_with(path: &Path, company: Company) -> Result<Self, OpenError> {
        let path = open::absolute(path)?;
        let (to, opened) = oneshot::channel();
        // Opening waits for the disk and perhaps for another process: not on the caller's runtime.
        let opening = std::thread::Builder::new().name("hookwire-sqlite-open".into());
        let open = move || {
            let _gone = to.send(open_connections(&path, company));
        };
        opening.spawn(open).map_err(OpenError::Io)?;
        let (writer, readers) = opened.await.map_err(|_| OpenError::Io(std::io::ErrorKind::Other.into()))??;
        let readers =
            readers.into_iter().map(Executor::reader).collect::<Result<Vec<_>, _>>().map_err(OpenError::Io)?;
        let (readers, handles): (Vec<_>, Vec<_>) = readers.into_iter().unzip();
        let writer = Executor::writer(writer, handles).map_err(OpenError::Io)?;
        Ok(Self { writer, readers: readers.into(), turn: Arc::default(), vault: None, swept: Arc::default() })
    }

    /// Keeps signing keys and custom headers sealed by this provider. What is in the clear stays readable, and is sealed when it is
    /// next written, or by [`reseal`](Self::reseal). Every process on the file needs a provider that can open what the others
    /// seal.
    #[must_use]
    pub fn with_key_provider(mut self, provider: impl KeyProvider) -> Self {
        self.vault = Some(Arc::new(provider));
        self
    }

    /// Checks every page of the file: SQLite's `quick_check`. Takes as long as reading the file.
    ///
    /// # Errors
    /// [`StoreErrorKind::Corrupt`](super::StoreErrorKind::Corrupt) when the file is damaged.
    pub async fn check(&self) -> Result<(), StoreError> {
        let check = |connection: &Connection| Ok(open::check(connection).map_err(|error| error.to_string()));
        let damage = |error: String| StoreError::with_source(super::StoreErrorKind::Corrupt, error);
        self.reader().call(check).await?.map_err(damage)
    }

    /// Runs `run` in a group commit.
    async fn write<T, F>(&self, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.writer.call(run).await
    }

    /// Runs `run` on a reading connection.
    async fn read<T, F>(&self, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.reader().call(run).await
    }

    fn reader(&self) -> &Executor {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % READERS;
        self.readers.get(turn).unwrap_or(&self.writer)
    }
}

fn open_connections(path: &Path, company: Company) -> Result<(Connection, Vec<Connection>), OpenError> {
    let writer = open::open_writer(path, company)?;
    let readers = (0..READERS).map(|_| open::open_reader(path)).collect::<Result<_, _>>()?;
    Ok((writer, readers))
}
