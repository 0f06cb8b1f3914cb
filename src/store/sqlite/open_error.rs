//! What an error of SQLite means for opening a file.

use std::io;

use rusqlite::ErrorCode;

use crate::store::OpenError;

pub(super) fn open_error(error: rusqlite::Error) -> OpenError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotOurs,
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Corrupt(error.to_string()),
        Some(ErrorCode::ReadOnly) => OpenError::ReadOnly,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::Locked,
        Some(ErrorCode::CannotOpen | ErrorCode::DiskFull) => OpenError::Io(io::Error::other(error)),
        _ => OpenError::Database(error.into()),
    }
}
