//! Staged rows: there are none, because no other program can write into the memory of this one.

use super::MemoryStore;
use crate::store::Staging;

impl Staging for MemoryStore {}
