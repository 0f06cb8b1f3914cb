//! Every store against the contract, and what is particular to SQLite.

mod cancel;
mod child;
mod conformance;
mod contract;
mod crash;
mod disk;
mod files;
mod fixture;
mod processes;
mod rows;
mod sealed;
mod sync;
