//! Checks whether the open file is still the one that its path leads to.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ffi};

/// The path and the identity of a file when it was opened.
#[derive(Debug)]
pub(super) struct FileIdentity {
    path: PathBuf,
    identity: Identity,
}

#[cfg(unix)]
type Identity = (u64, u64);

#[cfg(not(unix))]
type Identity = ();

impl FileIdentity {
    /// The identity of the connection's file; `None` for a database in memory.
    pub(super) fn of(connection: &Connection) -> Option<Self> {
        let path = PathBuf::from(connection.path().filter(|path| !path.is_empty())?);
        let identity = identity(&path).ok()?;
        Some(Self { path, identity })
    }

    /// Checks that the path still leads to the same file. Costs one `stat`.
    ///
    /// # Errors
    /// Returns an error if the path leads to another file or to none: committed changes would be lost when this process ends. SQLite has an
    /// error code for this, but checks it only if there is a rollback journal.
    pub(super) fn check(&self) -> rusqlite::Result<()> {
        match identity(&self.path) {
            Ok(found) if found == self.identity => Ok(()),
            _ => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_READONLY_DBMOVED), None)),
        }
    }
}

/// A little more than the size that a file system allocates at once.
static PROBE: [u8; 64 * 1024] = [1; 64 * 1024];

impl FileIdentity {
    /// Whether the file system refuses to write because it has no space: the disk is full, or a quota is used up. SQLite reports the first
    /// as a full disk and the second as a failed write. The error number of the operating system cannot be read without unsafe code, so
    /// this writes a probe file next to the database.
    pub(super) fn is_out_of_space(&self) -> bool {
        let probe = self.path.with_extension("probe");
        let written = probe_at(&probe);
        let _removed_or_absent = std::fs::remove_file(&probe);
        let no_space = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        written.is_err_and(|error| no_space.contains(&error.kind()))
    }
}

/// Uses the same system call as SQLite.
#[cfg(unix)]
fn probe_at(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileExt as _;
    std::fs::File::create_new(path)?.write_all_at(&PROBE, 0)
}

#[cfg(not(unix))]
fn probe_at(path: &Path) -> io::Result<()> {
    std::fs::write(path, PROBE)
}

/// The device and the inode.
#[cfg(unix)]
fn identity(path: &Path) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// On other systems an open file cannot be deleted.
#[cfg(not(unix))]
fn identity(path: &Path) -> io::Result<Identity> {
    std::fs::metadata(path).map(drop)
}
