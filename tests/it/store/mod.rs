//! Every store against the contract, and what is particular to SQLite.

mod conformance;
mod files;
