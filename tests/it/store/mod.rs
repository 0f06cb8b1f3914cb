//! Every store against the contract, and tests that concern SQLite only.

mod cancel;
mod child;
mod conformance;
mod contract;
mod crash;
mod disk;
mod files;
mod fixture;
mod planted;
mod processes;
mod rows;
mod sealed;
mod sync;
