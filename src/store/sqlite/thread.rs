//! Blocking work on threads of its own: one that writes in groups, a few that read.

use std::fmt;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, ffi};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::place::Place;
use super::schema;
use crate::store::room::Room;
use crate::store::{StoreError, StoreErrorKind};

/// Calls that may wait for a thread; further callers wait before they are queued.
const QUEUE: usize = 4_096;

/// Most calls in one transaction: bounds how long the first of them waits.
const MAX_GROUP: usize = 1_024;

/// How long a group waits for the rest of the crowd.
const GATHER: Duration = Duration::from_micros(100);

/// One call, not knowing what it answers.
trait Job: Send {
    /// Does it, inside a transaction that is not yet committed. May be done again after a rollback.
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()>;
    /// Answers the caller: what `run` has found, if the transaction was committed.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
    /// Whether it is to be run outside any transaction.
    fn is_alone(&self) -> bool;
}

struct Call<T, F> {
    run: F,
    found: Option<T>,
    alone: bool,
    to: oneshot::Sender<Result<T, StoreError>>,
    /// Given back when the call has been answered.
    _room: Option<OwnedSemaphorePermit>,
}

impl<T, F> Job for Call<T, F>
where
    T: Send,
    F: FnMut(&Connection) -> rusqlite::Result<T> + Send,
{
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.found = Some((self.run)(connection)?);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { found, to, .. } = *self;
        let answer = committed.and_then(|()| found.ok_or(StoreError::new(StoreErrorKind::Unknown)));
        // A caller that has gone away does not want to know.
        let _gone = to.send(answer);
    }

    fn is_alone(&self) -> bool {
        self.alone
    }
}

/// A connection on a thread of its own. The thread ends when the last handle is gone.
#[derive(Clone)]
pub(super) struct Executor {
    calls: mpsc::Sender<Box<dyn Job>>,
    room: Room,
    process: u32,
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("room", &self.calls.capacity()).finish()
    }
}

impl Executor {
    /// A thread that runs calls in groups, each group one durable transaction. It closes its connection after the
    /// `readers` have closed theirs: the last to close folds the log into the file, and only a writer can.
    pub(super) fn writer(connection: Connection, readers: Vec<JoinHandle<()>>) -> std::io::Result<Self> {
        let work = move |calls| {
            write(&Writer { place: Place::of(&connection), connection: &connection }, calls);
            // A reader that panicked has closed its connection too.
            readers.into_iter().for_each(|reader| drop(reader.join()));
        };
        Self::spawn("hookwire-sqlite-writer", work).map(|(executor, _)| executor)
    }

    /// A thread that runs calls one by one.
    pub(super) fn reader(connection: Connection) -> std::io::Result<(Self, JoinHandle<()>)> {
        Self::spawn("hookwire-sqlite-reader", move |calls| read(&connection, calls))
    }

    fn spawn(
        name: &str,
        work: impl FnOnce(mpsc::Receiver<Box<dyn Job>>) + Send + 'static,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (calls, queue) = mpsc::channel(QUEUE);
        let handle = thread::Builder::new().name(name.into()).spawn(move || work(queue))?;
        Ok((Self { calls, room: Room::default(), process: std::process::id() }, handle))
    }

    /// Runs one call. When the future is dropped after it was queued, the call still happens, whole.
    pub(super) async fn call<T, F>(&self, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.call_with(0, run).await
    }

    /// Runs one call outside any transaction: `VACUUM` cannot be part of one.
    pub(super) async fn call_alone<T, F>(&self, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.send(0, true, run).await
    }

    /// The same for a call that brings so many bytes with it.
    pub(super) async fn call_with<T, F>(&self, bytes: usize, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.send(bytes, false, run).await
    }

    async fn send<T, F>(&self, bytes: usize, alone: bool, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let closed = || StoreError::new(StoreErrorKind::Closed);
        if std::process::id() != self.process {
            // After a fork the thread is the parent's, and nobody here would ever answer.
            return Err(closed());
        }
        let _room = self.room.hold(bytes).await;
        let (to, answer) = oneshot::channel();
        self.calls.send(Box::new(Call { run, found: None, alone, to, _room })).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

fn read(connection: &Connection, mut calls: mpsc::Receiver<Box<dyn Job>>) {
    while let Some(mut call) = calls.blocking_recv() {
        let done = call.run(connection);
        call.answer(done.map_err(store_error));
    }
}

/// What the writing thread works with.
struct Writer<'a> {
    connection: &'a Connection,
    place: Option<Place>,
}

impl Writer<'_> {
    /// A failed write says nothing good of the disk, unless there was only no room: then the store stays open, as it does for a full
    /// disk.
    fn told(&self, error: rusqlite::Error) -> rusqlite::Error {
        let failed_to_write = error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_WRITE);
        if failed_to_write && self.place.as_ref().is_some_and(Place::is_out_of_room) {
            let text = Some("the quota of the disk is used up".to_owned());
            return rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), text);
        }
        error
    }

    /// A later version may have changed the tables since this process has opened them: it writes no more then.
    fn judge(&self) -> rusqlite::Result<()> {
        let is_ours = self.place.is_none() || schema::is_current(self.connection)?;
        if is_ours { Ok(()) } else { Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_SCHEMA), None)) }
    }
}

/// Whatever has gathered while the last group was made durable is the next group: under load one `fsync` serves hundreds of
/// callers, and a lone caller waits for nobody.
fn write(writer: &Writer<'_>, mut calls: mpsc::Receiver<Box<dyn Job>>) {
    let mut last = 0;
    let mut group = Vec::with_capacity(MAX_GROUP);
    while calls.blocking_recv_many(&mut group, MAX_GROUP) > 0 {
        gather(&mut calls, &mut group, last);
        last = group.len();
        let alone: Vec<_> = group.extract_if(.., |call| call.is_alone()).collect();
        if let Err(error) = serve(writer, &mut group).and_then(|()| serve_alone(writer, alone)) {
            tracing::error!(%error, "the store is closed after a failed write");
            return refuse(group, calls);
        }
    }
}

/// Runs a group and answers it. An error is fatal: whoever is still in the group was not served.
fn serve(writer: &Writer<'_>, group: &mut Vec<Box<dyn Job>>) -> rusqlite::Result<()> {
    if group.is_empty() {
        return Ok(());
    }
    match commit(writer, group) {
        Ok(()) => group.drain(..).for_each(|call| call.answer(Ok(()))),
        Err(error) if group.len() > 1 && is_of_one_call(&error) => return one_by_one(writer, group),
        Err(error) => {
            fail(group, &error);
            return if is_fatal(&error) { Err(error) } else { Ok(()) };
        }
    }
    Ok(())
}

/// Runs calls outside a transaction, one by one.
fn serve_alone(writer: &Writer<'_>, calls: Vec<Box<dyn Job>>) -> rusqlite::Result<()> {
    for mut call in calls {
        match call.run(writer.connection) {
            Err(error) if is_fatal(&error) => {
                call.answer(Err(StoreError::with_source(kind_of(&error), error.to_string())));
                return Err(error);
            }
            done => call.answer(done.map_err(store_error)),
        }
    }
    Ok(())
}

/// Answers everybody that the store is closed, until the last handle is gone.
fn refuse(group: Vec<Box<dyn Job>>, mut calls: mpsc::Receiver<Box<dyn Job>>) {
    let closed = |call: Box<dyn Job>| call.answer(Err(StoreError::new(StoreErrorKind::Closed)));
    group.into_iter().for_each(closed);
    while let Some(call) = calls.blocking_recv() {
        closed(call);
    }
}

/// Callers that were answered together come back together, one by one: where the last group was much larger than this one,
/// a moment's wait saves a whole transaction. A lone caller never waits.
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

/// Runs a group as one transaction. After an error nothing of it has happened, unless the error is fatal.
fn commit(writer: &Writer<'_>, group: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    let connection = writer.connection;
    execute(connection, "BEGIN IMMEDIATE")?;
    let done = writer.judge().and_then(|()| group.iter_mut().try_for_each(|call| call.run(connection)));
    let done = done.and_then(|()| execute(connection, "COMMIT"));
    if done.is_err() && !connection.is_autocommit() {
        // If even this fails, the next BEGIN does too.
        let _rolled_back = execute(connection, "ROLLBACK");
    }
    done.map_err(|error| writer.told(error))?;
    writer.place.as_ref().map_or(Ok(()), Place::check)
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

/// One call cannot be stored: the others are run again without it.
fn one_by_one(writer: &Writer<'_>, group: &mut Vec<Box<dyn Job>>) -> rusqlite::Result<()> {
    let mut calls = std::mem::take(group).into_iter();
    while let Some(call) = calls.next() {
        let done = serve(writer, &mut vec![call]);
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
    group.drain(..).for_each(|call| call.answer(Err(StoreError::with_source(kind, text.clone()))));
}

/// Neither the disk's nor another process's doing.
fn is_of_one_call(error: &rusqlite::Error) -> bool {
    kind_of(error) == StoreErrorKind::Invalid || error.sqlite_error().is_none()
}

/// After these, what SQLite has in memory and what is on disk may differ. A single row that does not read is not one of
/// them.
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
        // Locked, out of memory, turned read-only: the machine's doing, and nothing has happened.
        Some(_) => StoreErrorKind::Unavailable,
        // Not SQLite's: a row that does not read as what we write.
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

    /// A writer whose thread is in a call that waits until `go` is sent, so that what is called meanwhile is one group.
    async fn held_back() -> (Executor, std::sync::mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), StoreError>>) {
        let writer = Executor::writer(Connection::open_in_memory().unwrap(), Vec::new()).unwrap();
        let (go, wait) = std::sync::mpsc::channel();
        let (started, mut running) = mpsc::channel(1);
        let (first, wait) = (writer.clone(), std::sync::Mutex::new(wait));
        let hold = move |_: &Connection| {
            started.blocking_send(()).unwrap();
            wait.lock().unwrap().recv().map_or(Ok(()), Ok)
        };
        let first = tokio::spawn(async move { first.call(hold).await });
        running.recv().await.unwrap();
        (writer, go, first)
    }

    /// Runs calls as one group; each fails with its code, or succeeds with 0.
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
