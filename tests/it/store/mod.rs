//! Every store against the contract, and what is particular to SQLite.

mod child;
mod conformance;
mod crash;
mod disk;
mod files;
mod rows;
mod sync;
