//! Opening a file safely: it is checked before anything is written.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::open_error::open_error;
use super::schema;
use crate::store::OpenError;

/// The first SQLite without the WAL-reset bug, which can corrupt a file that two connections write to.
const MIN_SQLITE: i32 = 3_051_003;

/// How many times a statement waits a millisecond for another process's transaction.
const BUSY_WAITS: i32 = 5_000;

/// Files up to this size are checked completely when they are opened.
const FULL_CHECK_BYTES: u64 = 16 * 1024 * 1024;

/// Which tables the file may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileUse {
    /// Only hookwire's tables.
    Dedicated,
    /// The tables of an application too.
    Shared,
}

/// Checks the file, then opens it for writing and updates its schema.
pub(super) fn open_writer(path: &Path, file_use: FileUse) -> Result<Connection, OpenError> {
    check_sqlite_version(rusqlite::version_number(), rusqlite::version())?;
    check_file(path, file_use)?;
    let mut connection = Connection::open(path).map_err(open_error)?;
    wait_for_locks(&mut connection)?;
    switch_to_wal(&connection)?;
    connection
        .execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864;
             PRAGMA wal_autocheckpoint = 4000; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384;",
        )
        .map_err(open_error)?;
    schema::migrate(&mut connection)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// The check is required because the linked library may be the system's.
const fn check_sqlite_version(number: i32, name: &'static str) -> Result<(), OpenError> {
    if number < MIN_SQLITE { Err(OpenError::OldSqlite(name)) } else { Ok(()) }
}

/// Switches to write-ahead logging. SQLite does not wait for the lock here, so if several processes create a file at the same time, the
/// later ones have to retry.
fn switch_to_wal(connection: &Connection) -> Result<(), OpenError> {
    let mut waited = 0;
    loop {
        match connection.execute_batch("PRAGMA journal_mode = WAL").map_err(open_error) {
            Err(OpenError::Locked) if wait_for_lock(waited) => waited += 1,
            done => return done,
        }
    }
}

/// Opens another connection, for reading only, to a file that [`open_writer`] has opened.
pub(super) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(open_error)?;
    wait_for_locks(&mut connection)?;
    connection.execute_batch("PRAGMA cache_size = -4096;").map_err(open_error)?;
    Ok(connection)
}

/// Takes `&mut` because only some of the allowed versions of rusqlite do.
fn wait_for_locks(connection: &mut Connection) -> Result<(), OpenError> {
    connection.busy_handler(Some(wait_for_lock)).map_err(open_error)
}

/// SQLite's own handler sleeps longer each time, up to 100 ms. If another process writes without pause, the lock is free only for some
/// microseconds between two of its transactions. SQLite's handler almost never wakes up in such a moment and gives up in the end.
fn wait_for_lock(waited: i32) -> bool {
    std::thread::sleep(Duration::from_millis(1));
    waited < BUSY_WAITS
}

/// Checks an existing file without writing to it.
fn check_file(path: &Path, file_use: FileUse) -> Result<(), OpenError> {
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
    check_header(path)?;
    check_tables(&open_immutable(path)?, file_use)?;
    if length <= FULL_CHECK_BYTES { check(&open_reader(path)?) } else { Ok(()) }
}

/// Opens a connection that creates no files next to this file, which may belong to another program. Without a write-ahead log there is
/// nothing to coordinate with, so the `immutable` flag tells SQLite that the file does not change. The connection is used for small reads
/// only.
fn open_immutable(path: &Path) -> Result<Connection, OpenError> {
    match path.to_str().filter(|text| text.starts_with('/')) {
        Some(text) if !wal_path(path).exists() => {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
            // These characters have a meaning in a URI (sqlite.org/uri.html section 3).
            let text = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
            Connection::open_with_flags(format!("file:{text}?immutable=1"), flags).map_err(open_error)
        }
        _ => open_reader(path),
    }
}

fn check_tables(connection: &Connection, file_use: FileUse) -> Result<(), OpenError> {
    match schema::version(connection).map_err(open_error)? {
        Some(found) if found > schema::VERSION => Err(OpenError::Newer { found, supported: schema::VERSION }),
        None if file_use == FileUse::Dedicated && schema::has_tables(connection).map_err(open_error)? => {
            Err(OpenError::NotOurs)
        }
        _ => Ok(()),
    }
}

/// Checks every page with SQLite's `quick_check`.
pub(super) fn check(connection: &Connection) -> Result<(), OpenError> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(open_error)?;
    if verdict == "ok" { Ok(()) } else { Err(OpenError::Corrupt(verdict)) }
}

/// Checks that the file has a header (sqlite.org/fileformat.html section 1.3) and is not truncated.
fn check_header(path: &Path) -> Result<(), OpenError> {
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
    if counted && !wal_path(path).exists() && u64::from(number(28)) * page_size > length(path)? {
        return Err(OpenError::Corrupt("the file is shorter than its header says; restore it from a backup".into()));
    }
    Ok(())
}

/// The path of the write-ahead log. While the log exists, the file may lack pages that its header already counts: a checkpoint writes the
/// first page first, and the process that runs it may be unfinished or may have died. Once the log is gone, the file has all its pages. So
/// the header is read before the check for the log, and the file's length after it.
fn wal_path(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

fn length(path: &Path) -> Result<u64, OpenError> {
    std::fs::metadata(path).map(|metadata| metadata.len()).map_err(OpenError::Io)
}

/// The path that every connection passes to SQLite.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, OpenError> {
    std::path::absolute(path).map_err(OpenError::Io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f_35_an_old_sqlite_is_refused() {
        assert!(matches!(check_sqlite_version(3_051_002, "3.51.2"), Err(OpenError::OldSqlite("3.51.2"))));
        assert!(check_sqlite_version(3_051_003, "3.51.3").is_ok());
        assert!(check_sqlite_version(rusqlite::version_number(), rusqlite::version()).is_ok());
    }
}
