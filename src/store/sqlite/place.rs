//! Whether the file we write to is still the one that others would find.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ffi};

/// A file as it was when it was opened.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    identity: Identity,
}

#[cfg(unix)]
type Identity = (u64, u64);

#[cfg(not(unix))]
type Identity = ();

impl Place {
    /// Where the connection's file is; `None` for a database in memory.
    pub(super) fn of(connection: &Connection) -> Option<Self> {
        let path = PathBuf::from(connection.path().filter(|path| !path.is_empty())?);
        let identity = identity(&path).ok()?;
        Some(Self { path, identity })
    }

    /// Costs one `stat`.
    ///
    /// # Errors
    /// When the path leads elsewhere or nowhere: what was committed is gone with this process. SQLite has a code for it,
    /// but looks only where there is a rollback journal.
    pub(super) fn check(&self) -> rusqlite::Result<()> {
        match identity(&self.path) {
            Ok(found) if found == self.identity => Ok(()),
            _ => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_READONLY_DBMOVED), None)),
        }
    }
}

/// A little more than what a file system gives at once.
static PROBE: [u8; 64 * 1024] = [1; 64 * 1024];

impl Place {
    /// Whether a file beside this one cannot be written for want of room: a full disk, or a quota that is used up. SQLite knows the
    /// first and takes the second for a failing disk. The system's own number of the error cannot be asked for without unsafe code.
    pub(super) fn is_out_of_room(&self) -> bool {
        let probe = self.path.with_extension("probe");
        let written = probe_at(&probe);
        let _gone_or_never_there = std::fs::remove_file(&probe);
        let no_room = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        written.is_err_and(|error| no_room.contains(&error.kind()))
    }
}

/// By the call that SQLite writes with.
#[cfg(unix)]
fn probe_at(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileExt as _;
    std::fs::File::create_new(path)?.write_all_at(&PROBE, 0)
}

#[cfg(not(unix))]
fn probe_at(path: &Path) -> io::Result<()> {
    std::fs::write(path, PROBE)
}

/// Device and inode.
#[cfg(unix)]
fn identity(path: &Path) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Elsewhere an open file cannot be deleted.
#[cfg(not(unix))]
fn identity(path: &Path) -> io::Result<Identity> {
    std::fs::metadata(path).map(drop)
}
