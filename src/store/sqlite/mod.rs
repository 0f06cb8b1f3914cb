//! The embedded store: one SQLite file.

mod audit;
mod bulk_jobs;
mod control;
mod counts;
mod dedup;
mod diagnostics;
mod directory;
mod failures;
mod file_identity;
mod history;
mod list;
mod open;
mod open_error;
mod order;
mod outbox;
mod placements;
mod registry;
mod retention;
mod rollups;
mod rows;
mod schema;
mod session;
mod settle;
mod staging;
#[cfg(test)]
mod tests;
mod thread;
mod unfinished;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use self::open::FileUse;
use self::rows::KeySealer;
use self::session::Session;
use self::thread::Executor;
use super::{OpenError, StoreError};
use crate::secret::KeyProvider;

/// The number of reading connections.
const READERS: usize = 2;

/// The embedded store: one SQLite file, durable, shared by as many processes as need it. Clones share it; its threads end when the last
/// clone is dropped.
///
/// # How the store works
///
/// - **Durable.** The store uses a write-ahead log with `synchronous=FULL`: every transaction is on the disk before its calls return.
/// - **Group commit.** One thread writes. Calls that arrive while this thread waits for the disk share the next transaction, so 512
///   concurrent callers cost a few `fsync`s, not 512.
/// - **Completely or not at all.** If the disk is full or a quota is used up, every caller of the group gets an error. The file is
///   then unchanged. After a failed write the store closes itself, because the operating system's cache can no longer be trusted.
/// - **Bounded.** 4,096 calls and 64 MiB of payload may wait for the writer; further callers wait before they are queued.
/// - **Separate readers.** History is read on other connections and never waits for the writer.
/// - **Several processes, one file.** Each claim is a single transaction under the write lock; a lease excludes all other processes. The
///   file must be on a local disk: SQLite's locks do not work over network file systems.
///
/// ```
/// use hookwire::sender::Sender;
/// use hookwire::store::SqliteStore;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("webhooks.db");
/// let store = SqliteStore::open(&path).await?;
/// let sender = Sender::builder(store).build()?;
/// # Ok(())
/// # }
/// ```
///
/// # In the application's own transaction
///
/// If hookwire's tables are [in the application's database](SqliteStore::open_in_application_database), an event can be part of the
/// transaction of the business change: it exists if and only if this transaction commits. From Rust this is [`SqliteStore::dispatch_in`].
/// From any other client, ORM or language it is one `INSERT`:
///
/// ```sql
/// INSERT INTO hookwire_outbox (type, data, tenant) VALUES ('invoice.paid', '{"invoice": 1042}', 'acme');
/// ```
///
/// A running worker finds the row at its next [poll](crate::worker::Config::outbox_poll): after 25 ms while it has work, and after up to a
/// second if nothing has happened for a while; [`Sender::wake`](crate::sender::Sender::wake) makes it look at once. In one
/// transaction it turns the row into an event with its deliveries, and deletes the row. The columns:
///
/// | column | meaning | default |
/// |---|---|---|
/// | `type` | the event type | required |
/// | `data` | JSON text, sent in the Standard Webhooks envelope; with a `content_type` any text or blob, sent as it is | required |
/// | `tenant` | the tenant of the event | `default` |
/// | `content_type` | media type of `data` | `data` is JSON |
/// | `id` | the caller's own id, which makes the insert idempotent | made by the worker |
/// | `occurred_at` | when it happened, in microseconds since the Unix epoch | `written_at`, or the time of the import |
/// | `fifo_key`, `latest_key` | the ordering key; set at most one of the two | no order |
/// | `expires_at` | its deadline, in microseconds | none |
/// | `written_at` | when the row was written | unknown |
///
/// A row that cannot be dispatched is kept, with the reason in `error`: an invalid type, data that is not JSON, a payload that is
/// too long, or an id that another event has. Correct it and set `error` to `NULL`, or delete it. Events have the order of the
/// rows.
///
/// # Caveats
///
/// Signing keys are stored in the clear, unless the store has a [key provider](SqliteStore::with_key_provider). While the file is open,
/// copy it with SQLite's backup API or `VACUUM INTO`, not with `cp`. A store does not work in a forked child process: its calls fail there
/// with [`StoreErrorKind::Closed`](super::StoreErrorKind::Closed). If the file is deleted or replaced while a store has it open, the store
/// closes itself, because it would acknowledge changes that are lost (Unix).
#[derive(Clone, Debug)]
pub struct SqliteStore {
    writer: Executor,
    readers: Arc<[Executor]>,
    turn: Arc<AtomicUsize>,
    sealer: KeySealer,
    /// The last dedup record that the previous sweep has read.
    swept: Arc<AtomicI64>,
    /// Reports rows of the outbox that this process writes.
    writes: watch::Sender<()>,
}

impl SqliteStore {
    /// Opens a file, or creates it. A file is refused and not changed if it is not a hookwire store, is damaged, is read-only or has a
    /// later schema. Files up to 16 MiB are checked page by page; for larger files there is [`check`](Self::check).
    ///
    /// # Errors
    /// Returns an [`OpenError`] that describes what is wrong with the file.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path.as_ref(), FileUse::Dedicated).await
    }

    /// Opens an application's own database and keeps hookwire's tables (their names begin with `hookwire_`) next to the application's
    /// tables. The file is switched to write-ahead logging.
    ///
    /// # Errors
    /// Returns an [`OpenError`] that describes what is wrong with the file.
    pub async fn open_in_application_database(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path.as_ref(), FileUse::Shared).await
    }

    async fn open_with(path: &Path, file_use: FileUse) -> Result<Self, OpenError> {
        let path = open::absolute(path)?;
        let (to, opened) = oneshot::channel();
        // Opening waits for the disk and perhaps for another process, so it must not block the caller's runtime.
        let opening = std::thread::Builder::new().name("hookwire-sqlite-open".into());
        let open = move || {
            let _gone = to.send(open_connections(&path, file_use));
        };
        opening.spawn(open).map_err(OpenError::Io)?;
        let (writer, readers) = opened.await.map_err(|_| OpenError::Io(std::io::ErrorKind::Other.into()))??;
        let readers =
            readers.into_iter().map(Executor::reader).collect::<Result<Vec<_>, _>>().map_err(OpenError::Io)?;
        let (readers, handles): (Vec<_>, Vec<_>) = readers.into_iter().unzip();
        let writer = Executor::writer(writer, handles).map_err(OpenError::Io)?;
        Ok(Self {
            writer,
            readers: readers.into(),
            turn: Arc::default(),
            sealer: None,
            swept: Arc::default(),
            writes: watch::Sender::new(()),
        })
    }

    /// Seals signing keys and custom headers with this provider. Secrets that are stored in the clear remain readable and are sealed when
    /// they are next written, or by [`reseal`](Self::reseal). Every process on the file needs a provider that can open the secrets that the
    /// other processes seal.
    #[must_use]
    pub fn with_key_provider(mut self, provider: impl KeyProvider) -> Self {
        self.sealer = Some(Arc::new(provider));
        self
    }

    /// Checks every page of the file with SQLite's `quick_check`. This takes as long as reading the file.
    ///
    /// # Errors
    /// Returns a [`StoreError`] with [`StoreErrorKind::Corrupt`](super::StoreErrorKind::Corrupt) if the file is damaged.
    pub async fn check(&self) -> Result<(), StoreError> {
        let check = |session: &Session<'_>| Ok(open::check(session).map_err(|error| error.to_string()));
        let damage = |error: String| StoreError::with_source(super::StoreErrorKind::Corrupt, error);
        self.reader().call(check).await?.map_err(damage)
    }

    /// Runs `run` in a group commit on the writing connection.
    async fn write<T, F>(&self, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Session<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        self.writer.call(run).await
    }

    /// Runs `run` on a reading connection.
    async fn read<T, F>(&self, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Session<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        self.reader().call(run).await
    }

    fn reader(&self) -> &Executor {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % READERS;
        self.readers.get(turn).unwrap_or(&self.writer)
    }
}

fn open_connections(path: &Path, file_use: FileUse) -> Result<(Connection, Vec<Connection>), OpenError> {
    let writer = open::open_writer(path, file_use)?;
    let readers = (0..READERS).map(|_| open::open_reader(path)).collect::<Result<_, _>>()?;
    Ok((writer, readers))
}
