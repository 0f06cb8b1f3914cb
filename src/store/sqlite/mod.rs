//! (Skeleton: the store helper completes this module.)

/// A store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore;
