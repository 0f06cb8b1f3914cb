//! (Skeleton: the store helper completes this module.)

/// Dedup records in memory.
#[derive(Debug, Default)]
pub struct MemoryDedup;

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore;
