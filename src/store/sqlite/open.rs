//! Opening a file without harming it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::schema;

/// The first SQLite without the WAL-reset bug, which can corrupt a file that two connections write to.
const MIN_SQLITE: i32 = 3_051_003;

/// How long a statement waits for another process's transaction: so many milliseconds, one by one.
const BUSY_WAITS: i32 = 5_000;

/// Files up to this size are checked whole when they are opened.
const FULL_CHECK_BYTES: u64 = 16 * 1024 * 1024;

/// Why a file was not opened. It was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file is no SQLite database, or another application's.
    #[error("file: is not a hookwire store (to keep hookwire's tables in an application's database, say so)")]
    NotOurs,
    /// A later version of hookwire has written it.
    #[error("file: has schema version {found}; this version of hookwire knows {supported}")]
    Newer {
        /// The version found.
        found: i64,
        /// The latest version this code can use.
        supported: i64,
    },
    /// The file may not be written.
    #[error("file: is read-only")]
    ReadOnly,
    /// The file is truncated or damaged.
    #[error("file: is damaged: {0}")]
    Corrupt(String),
    /// Another process has held the file for too long.
    #[error("file: is locked by another process")]
    Locked,
    /// The file cannot be read or made: a missing directory, a full disk.
    #[error("file: cannot be opened")]
    Io(#[source] io::Error),
    /// SQLite itself is too old to be trusted with a file that several connections write to.
    #[error("SQLite: is version {0}, must be 3.51.3 or later")]
    OldSqlite(&'static str),
    /// SQLite said no for another reason.
    #[error("SQLite: failed")]
    Sqlite(#[source] rusqlite::Error),
}

impl OpenError {
    pub(super) fn of(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotOurs,
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt(error.to_string()),
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::CannotOpen | ErrorCode::DiskFull) => Self::Io(io::Error::other(error)),
            _ => Self::Sqlite(error),
        }
    }
}

/// Whose tables may be in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Company {
    /// Only ours.
    Alone,
    /// An application's too.
    Shared,
}

/// Judges the file, then opens it for writing and brings its schema up to date.
pub(super) fn open_writer(path: &Path, company: Company) -> Result<Connection, OpenError> {
    judge_version(rusqlite::version_number(), rusqlite::version())?;
    judge(path, company)?;
    let mut connection = Connection::open(path).map_err(OpenError::of)?;
    connection.busy_handler(Some(wait_for_lock)).map_err(OpenError::of)?;
    switch_to_log(&connection)?;
    connection
        .execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864;
             PRAGMA wal_autocheckpoint = 4000; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384;",
        )
        .map_err(OpenError::of)?;
    schema::migrate(&mut connection)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// The library that was linked may be the system's.
const fn judge_version(number: i32, name: &'static str) -> Result<(), OpenError> {
    if number < MIN_SQLITE { Err(OpenError::OldSqlite(name)) } else { Ok(()) }
}

/// Switches to write-ahead logging. SQLite does not wait for the lock here, so of several processes that make a file
/// together the later ones have to ask again.
fn switch_to_log(connection: &Connection) -> Result<(), OpenError> {
    let mut asked = 0;
    loop {
        match connection.execute_batch("PRAGMA journal_mode = WAL").map_err(OpenError::of) {
            Err(OpenError::Locked) if wait_for_lock(asked) => asked += 1,
            done => return done,
        }
    }
}

/// Another connection to a file that [`open_writer`] has opened, for reading only.
pub(super) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(OpenError::of)?;
    connection.busy_handler(Some(wait_for_lock)).map_err(OpenError::of)?;
    connection.execute_batch("PRAGMA cache_size = -4096;").map_err(OpenError::of)?;
    Ok(connection)
}

/// SQLite's own handler sleeps ever longer, up to 100 ms. Beside a process that writes without pause, which is between two
/// transactions for some microseconds only, it hardly ever comes at the right moment, and gives up in the end.
fn wait_for_lock(waited: i32) -> bool {
    std::thread::sleep(Duration::from_millis(1));
    waited < BUSY_WAITS
}

/// Looks at an existing file without writing to it.
fn judge(path: &Path, company: Company) -> Result<(), OpenError> {
    let length = match std::fs::metadata(path) {
        Ok(metadata) if metadata.permissions().readonly() => return Err(OpenError::ReadOnly),
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => return Err(OpenError::NotOurs),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(OpenError::Io(error)),
    };
    if length == 0 {
        return Ok(());
    }
    judge_header(path)?;
    judge_tables(&open_without_trace(path)?, company)?;
    if length <= FULL_CHECK_BYTES { check(&open_reader(path)?) } else { Ok(()) }
}

/// A connection that makes no files beside this one, which may not be ours: without a write-ahead log there is nothing to
/// coordinate with, and SQLite is told that the file does not change. What is read through it is small.
fn open_without_trace(path: &Path) -> Result<Connection, OpenError> {
    match path.to_str().filter(|text| text.starts_with('/')) {
        Some(text) if !log_of(path).exists() => {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
            // What has a meaning in a URI (sqlite.org/uri.html section 3).
            let text = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
            Connection::open_with_flags(format!("file:{text}?immutable=1"), flags).map_err(OpenError::of)
        }
        _ => open_reader(path),
    }
}

fn judge_tables(connection: &Connection, company: Company) -> Result<(), OpenError> {
    match schema::version(connection).map_err(OpenError::of)? {
        Some(found) if found > schema::VERSION => Err(OpenError::Newer { found, supported: schema::VERSION }),
        None if company == Company::Alone && schema::has_tables(connection).map_err(OpenError::of)? => {
            Err(OpenError::NotOurs)
        }
        _ => Ok(()),
    }
}

/// Every page, as SQLite itself judges it.
pub(super) fn check(connection: &Connection) -> Result<(), OpenError> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(OpenError::of)?;
    if verdict == "ok" { Ok(()) } else { Err(OpenError::Corrupt(verdict)) }
}

/// The file header (sqlite.org/fileformat.html section 1.3): is it one, and is all of the file there?
fn judge_header(path: &Path) -> Result<(), OpenError> {
    let mut header = [0; 100];
    let mut file = File::open(path).map_err(OpenError::Io)?;
    if let Err(error) = file.read_exact(&mut header) {
        return Err(if error.kind() == io::ErrorKind::UnexpectedEof {
            OpenError::NotOurs
        } else {
            OpenError::Io(error)
        });
    }
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(OpenError::NotOurs);
    }
    let number =
        |at: usize| header.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes);
    let page_size = match header.get(16..18).and_then(|bytes| bytes.try_into().ok()).map_or(0, u16::from_be_bytes) {
        1 => 65_536,
        size => u64::from(size),
    };
    // Another program may have left this count unset.
    let counted = number(24) == number(92);
    if counted && !log_of(path).exists() && u64::from(number(28)) * page_size > length(path)? {
        return Err(OpenError::Corrupt("it is truncated".into()));
    }
    Ok(())
}

/// The write-ahead log. While there is one, the file may lack pages that the header counts already: the first page is folded
/// in first, and whoever does it may be at it still, or have died. Once there is none, they are all there: so the header is
/// read before this is asked, and the length afterwards.
fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

fn length(path: &Path) -> Result<u64, OpenError> {
    std::fs::metadata(path).map(|metadata| metadata.len()).map_err(OpenError::Io)
}

/// The path as given to SQLite by every connection.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, OpenError> {
    std::path::absolute(path).map_err(OpenError::Io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f_35_an_old_sqlite_is_refused() {
        assert!(matches!(judge_version(3_051_002, "3.51.2"), Err(OpenError::OldSqlite("3.51.2"))));
        assert!(judge_version(3_051_003, "3.51.3").is_ok());
        assert!(judge_version(rusqlite::version_number(), rusqlite::version()).is_ok());
    }
}
