//! Blocking work on its own threads: one thread writes in groups, a few threads read.

use std::fmt;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, ffi};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::file_identity::FileIdentity;
use super::schema;
use super::session::Session;
use crate::store::byte_budget::ByteBudget;
use crate::store::{StoreError, StoreErrorKind};

/// The number of calls that may wait for a thread; further callers wait before they are queued.
const QUEUE: usize = 4_096;

/// The limit of calls in one transaction. It bounds how long the first of them waits.
const MAX_GROUP: usize = 1_024;

/// How long a group waits for more calls.
const GATHER: Duration = Duration::from_micros(100);

/// One call, with the type of its result erased.
trait Job: Send {
    /// Runs the call inside a transaction that is not yet committed. It may run again after a rollback.
    fn run(&mut self, session: &Session<'_>) -> rusqlite::Result<()>;
    /// Sends the caller the result of `run`, or the error if the transaction was not committed.
    fn reply(self: Box<Self>, committed: Result<(), StoreError>);
    /// Whether the call runs outside any transaction.
    fn is_outside_transaction(&self) -> bool;
}

struct Call<T, F> {
    run: F,
    result: Option<T>,
    outside: bool,
    to: oneshot::Sender<Result<T, StoreError>>,
    /// Released when the caller has its result.
    _bytes: Option<OwnedSemaphorePermit>,
}

impl<T, F> Job for Call<T, F>
where
    T: Send,
    F: FnMut(&Session<'_>) -> rusqlite::Result<T> + Send,
{
    fn run(&mut self, session: &Session<'_>) -> rusqlite::Result<()> {
        self.result = Some((self.run)(session)?);
        Ok(())
    }

    fn reply(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { result, to, .. } = *self;
        let result = committed.and_then(|()| result.ok_or(StoreError::new(StoreErrorKind::Unknown)));
        // A caller that has dropped its future needs no result.
        let _gone = to.send(result);
    }

    fn is_outside_transaction(&self) -> bool {
        self.outside
    }
}

/// A connection on its own thread. The thread ends when the last handle is dropped.
#[derive(Clone)]
pub(super) struct Executor {
    calls: mpsc::Sender<Box<dyn Job>>,
    budget: ByteBudget,
    process: u32,
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("capacity", &self.calls.capacity()).finish()
    }
}

impl Executor {
    /// Starts a thread that runs calls in groups, each group as one durable transaction. It closes its connection after the `readers` have
    /// closed theirs: the last connection to close runs a checkpoint, and a reader cannot.
    pub(super) fn writer(connection: Connection, readers: Vec<JoinHandle<()>>) -> std::io::Result<Self> {
        let work = move |calls| {
            write(&Writer { file: FileIdentity::of(&connection), session: Session::new(&connection) }, calls);
            // A reader that panicked has closed its connection too.
            readers.into_iter().for_each(|reader| drop(reader.join()));
        };
        Self::spawn("hookwire-sqlite-writer", work).map(|(executor, _)| executor)
    }

    /// Starts a thread that runs calls one by one.
    pub(super) fn reader(connection: Connection) -> std::io::Result<(Self, JoinHandle<()>)> {
        Self::spawn("hookwire-sqlite-reader", move |calls| read(&connection, calls))
    }

    fn spawn(
        name: &str,
        work: impl FnOnce(mpsc::Receiver<Box<dyn Job>>) + Send + 'static,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (calls, queue) = mpsc::channel(QUEUE);
        let handle = thread::Builder::new().name(name.into()).spawn(move || work(queue))?;
        Ok((Self { calls, budget: ByteBudget::default(), process: std::process::id() }, handle))
    }

    /// Runs one call. If the future is dropped after the call was queued, the call still happens completely.
    pub(super) async fn call<T, F>(&self, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Session<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        self.call_with(0, run).await
    }

    /// Runs one call outside any transaction: `VACUUM` cannot be part of one.
    pub(super) async fn call_outside_transaction<T, F>(&self, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Session<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        self.send(0, true, run).await
    }

    /// Runs one call that has this many bytes of payload.
    pub(super) async fn call_with<T, F>(&self, bytes: usize, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Session<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        self.send(bytes, false, run).await
    }

    async fn send<T, F>(&self, bytes: usize, outside: bool, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Session<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        let closed = || StoreError::new(StoreErrorKind::Closed);
        if std::process::id() != self.process {
            // After a fork only the parent process has the thread, so a call would never return.
            return Err(closed());
        }
        let _bytes = self.budget.acquire(bytes).await;
        let (to, response) = oneshot::channel();
        self.calls.send(Box::new(Call { run, result: None, outside, to, _bytes })).await.map_err(|_| closed())?;
        response.await.map_err(|_| closed())?
    }
}

fn read(connection: &Connection, mut calls: mpsc::Receiver<Box<dyn Job>>) {
    let session = Session::new(connection);
    while let Some(mut call) = calls.blocking_recv() {
        let done = call.run(&session);
        call.reply(done.map_err(store_error));
    }
}

/// The state of the writing thread.
struct Writer<'a> {
    session: Session<'a>,
    file: Option<FileIdentity>,
}

impl Writer<'_> {
    /// Maps a failed write to a full disk if the file system has no space, because the store stays open then. Any other failed write closes
    /// the store.
    fn refine_error(&self, error: rusqlite::Error) -> rusqlite::Error {
        let failed_to_write = error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_WRITE);
        if failed_to_write && self.file.as_ref().is_some_and(FileIdentity::is_out_of_space) {
            let text = Some("the quota of the disk is used up; free space or raise the quota".to_owned());
            return rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), text);
        }
        error
    }

    /// Fails if a later version of hookwire has changed the tables since this process has opened them.
    fn check_schema(&self) -> rusqlite::Result<()> {
        let is_ours = self.file.is_none() || schema::is_current(&self.session)?;
        if is_ours { Ok(()) } else { Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_SCHEMA), None)) }
    }
}

/// Calls that arrive while the last group is written form the next group: under load one `fsync` serves hundreds of callers, and a single
/// caller does not wait for others.
fn write(writer: &Writer<'_>, mut calls: mpsc::Receiver<Box<dyn Job>>) {
    let mut last = 0;
    let mut group = Vec::with_capacity(MAX_GROUP);
    while calls.blocking_recv_many(&mut group, MAX_GROUP) > 0 {
        gather(&mut calls, &mut group, last);
        last = group.len();
        let outside: Vec<_> = group.extract_if(.., |call| call.is_outside_transaction()).collect();
        if let Err(error) = run_group(writer, &mut group).and_then(|()| run_outside_transaction(writer, outside)) {
            tracing::error!(%error, "the store has closed itself after a failed write; check the disk, then open the store again");
            return close_calls(group, calls);
        }
    }
}

/// Runs a group and sends the results. An error is fatal: calls that are still in the group have no result yet.
fn run_group(writer: &Writer<'_>, group: &mut Vec<Box<dyn Job>>) -> rusqlite::Result<()> {
    if group.is_empty() {
        return Ok(());
    }
    match commit(writer, group) {
        Ok(()) => group.drain(..).for_each(|call| call.reply(Ok(()))),
        Err(error) if group.len() > 1 && is_caused_by_one_call(&error) => return run_separately(writer, group),
        Err(error) => {
            fail(group, &error);
            return if is_fatal(&error) { Err(error) } else { Ok(()) };
        }
    }
    Ok(())
}

/// Runs calls outside a transaction, one by one.
fn run_outside_transaction(writer: &Writer<'_>, calls: Vec<Box<dyn Job>>) -> rusqlite::Result<()> {
    for mut call in calls {
        match call.run(&writer.session) {
            Err(error) if is_fatal(&error) => {
                call.reply(Err(StoreError::with_source(kind_of(&error), error.to_string())));
                return Err(error);
            }
            done => call.reply(done.map_err(store_error)),
        }
    }
    Ok(())
}

/// Fails all calls as closed until the last handle is dropped.
fn close_calls(group: Vec<Box<dyn Job>>, mut calls: mpsc::Receiver<Box<dyn Job>>) {
    let closed = |call: Box<dyn Job>| call.reply(Err(StoreError::new(StoreErrorKind::Closed)));
    group.into_iter().for_each(closed);
    while let Some(call) = calls.blocking_recv() {
        closed(call);
    }
}

/// Callers that got their results together call again at about the same time: if the last group was much larger than this one, a short wait
/// saves a complete transaction. A single caller never waits.
fn gather(calls: &mut mpsc::Receiver<Box<dyn Job>>, group: &mut Vec<Box<dyn Job>>, last: usize) {
    if group.len() < last / 2 {
        thread::sleep(GATHER);
        while group.len() < MAX_GROUP
            && let Ok(call) = calls.try_recv()
        {
            group.push(call);
        }
    }
}

/// Runs a group as one transaction. After an error nothing of the group was stored, unless the error is fatal.
fn commit(writer: &Writer<'_>, group: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    let session = &writer.session;
    session.execute("BEGIN IMMEDIATE", [])?;
    let done = writer.check_schema().and_then(|()| group.iter_mut().try_for_each(|call| call.run(session)));
    let done = done.and_then(|()| session.execute("COMMIT", []).map(drop));
    if done.is_err() && !session.is_autocommit() {
        // If the rollback fails, the next BEGIN fails too.
        let _rolled_back = session.execute("ROLLBACK", []);
    }
    done.map_err(|error| writer.refine_error(error))?;
    writer.file.as_ref().map_or(Ok(()), FileIdentity::check)
}

/// One call cannot be stored, so each call is run separately.
fn run_separately(writer: &Writer<'_>, group: &mut Vec<Box<dyn Job>>) -> rusqlite::Result<()> {
    let mut calls = std::mem::take(group).into_iter();
    while let Some(call) = calls.next() {
        let done = run_group(writer, &mut vec![call]);
        if done.is_err() {
            group.extend(calls);
            return done;
        }
    }
    Ok(())
}

fn fail(group: &mut Vec<Box<dyn Job>>, error: &rusqlite::Error) {
    let kind = kind_of(error);
    let text = error.to_string();
    group.drain(..).for_each(|call| call.reply(Err(StoreError::with_source(kind, text.clone()))));
}

/// Whether one call has caused the error, not the disk or another process.
fn is_caused_by_one_call(error: &rusqlite::Error) -> bool {
    kind_of(error) == StoreErrorKind::Invalid || error.sqlite_error().is_none()
}

/// Whether SQLite's memory and the disk may differ after this error. An unreadable row is not such an error.
fn is_fatal(error: &rusqlite::Error) -> bool {
    let fatal = [StoreErrorKind::Unknown, StoreErrorKind::Corrupt, StoreErrorKind::Closed];
    error.sqlite_error().is_some() && fatal.contains(&kind_of(error))
}

pub(super) fn store_error(error: rusqlite::Error) -> StoreError {
    StoreError::with_source(kind_of(&error), error)
}

fn kind_of(error: &rusqlite::Error) -> StoreErrorKind {
    if error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_READONLY_DBMOVED) {
        return StoreErrorKind::Closed;
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreErrorKind::Full,
        Some(ErrorCode::SystemIoFailure) => StoreErrorKind::Unknown,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreErrorKind::Corrupt,
        Some(ErrorCode::SchemaChanged) => StoreErrorKind::Schema,
        Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch | ErrorCode::Unknown) => {
            StoreErrorKind::Invalid
        }
        // Locked, out of memory or read-only: nothing was changed.
        Some(_) => StoreErrorKind::Unavailable,
        // This is not an error of SQLite: the row is unreadable.
        None => StoreErrorKind::Corrupt,
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn failure(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
    }

    /// A writer whose thread runs a call that waits until `go` is sent, so that all later calls form one group.
    async fn held_back() -> (Executor, std::sync::mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), StoreError>>) {
        let writer = Executor::writer(Connection::open_in_memory().unwrap(), Vec::new()).unwrap();
        let (go, wait) = std::sync::mpsc::channel();
        let (started, mut running) = mpsc::channel(1);
        let (first, wait) = (writer.clone(), std::sync::Mutex::new(wait));
        let hold = move |_: &Session<'_>| {
            started.blocking_send(()).unwrap();
            wait.lock().unwrap().recv().map_or(Ok(()), Ok)
        };
        let first = tokio::spawn(async move { first.call(hold).await });
        running.recv().await.unwrap();
        (writer, go, first)
    }

    /// Runs calls as one group; each call fails with its code, or succeeds with 0.
    async fn group(codes: &[i32]) -> (Executor, Vec<Option<StoreErrorKind>>) {
        let (writer, go, first) = held_back().await;
        let run = |code: i32| writer.call(move |_| if code == 0 { Ok(()) } else { Err(failure(code)) });
        let mut calls: Vec<_> = codes.iter().map(|code| Box::pin(run(*code))).collect();
        for call in &mut calls {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(call.as_mut().poll(&mut context).is_pending(), "queued");
        }
        go.send(()).unwrap();
        first.await.unwrap().unwrap();
        let mut answers = Vec::new();
        for call in calls {
            answers.push(call.await.err().map(|error| error.kind()));
        }
        (writer, answers)
    }

    async fn after(writer: &Executor) -> Option<StoreErrorKind> {
        writer.call(|_| Ok(())).await.err().map(|error| error.kind())
    }

    #[tokio::test]
    async fn a_call_that_cannot_be_stored_fails_alone() {
        let (writer, answers) = group(&[0, ffi::SQLITE_CONSTRAINT, 0]).await;
        assert_eq!(answers, [None, Some(StoreErrorKind::Invalid), None]);
        assert_eq!(after(&writer).await, None);
    }

    #[tokio::test]
    async fn a_full_disk_fails_the_group_and_leaves_the_store_open() {
        let (writer, answers) = group(&[0, ffi::SQLITE_FULL]).await;
        assert_eq!(answers, [Some(StoreErrorKind::Full); 2]);
        assert_eq!(after(&writer).await, None);
    }

    #[tokio::test]
    async fn a_failed_write_closes_the_store() {
        let (writer, answers) = group(&[0, ffi::SQLITE_IOERR_FSYNC]).await;
        assert_eq!(answers, [Some(StoreErrorKind::Unknown); 2]);
        assert_eq!(after(&writer).await, Some(StoreErrorKind::Closed));
    }

    #[tokio::test]
    async fn a_failed_write_closes_the_store_also_while_a_group_is_run_one_by_one() {
        let (writer, answers) = group(&[ffi::SQLITE_CONSTRAINT, ffi::SQLITE_IOERR_FSYNC, 0]).await;
        let expected = [StoreErrorKind::Invalid, StoreErrorKind::Unknown, StoreErrorKind::Closed].map(Some);
        assert_eq!(answers, expected);
        assert_eq!(after(&writer).await, Some(StoreErrorKind::Closed));
    }
}
