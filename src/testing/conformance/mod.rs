//! The contract of stores as tests: one list of cases for each role, each case as its own test.
//!
//! A case panics if the store breaks a rule of the contract. The rules are documented on the traits of [`store`](crate::store), and each
//! names its cases. [`conformance!`](crate::conformance) makes one test of each case; it takes an async function that makes an empty store,
//! and the roles to be checked:
//!
//! ```no_run
//! # mod example {
//! use std::sync::Arc;
//! use hookwire::store::MemoryStore;
//! use hookwire::testing::conformance::Subject;
//!
//! async fn memory() -> Subject<MemoryStore> {
//!     let store = Arc::new(MemoryStore::new());
//!     Subject::new(store.clone(), store) // open the backend twice instead, if that is possible
//! }
//!
//! hookwire::conformance!(memory: outbox, directory);
//! # }
//! ```
//!
//! | role | traits that the store needs | what is checked |
//! |---|---|---|
//! | `outbox` | `Outbox` | appending, claiming, leases, order, concurrency, dropped futures |
//! | `directory` | `Outbox`, `Directory` | endpoints, and the effect of their state on their deliveries |
//! | `history` | `Outbox`, `Directory`, `History` | records, lists, counts |
//! | `retention` | `Outbox`, `Directory`, `History`, `Retention` | which data is deleted, and which is kept |
//! | `control` | `Outbox`, `Directory`, `History`, `Control` | changes by operators |
//! | `workers` | `WorkerRegistry` | the number of live workers |
//! | `rollups` | `Outbox`, `Directory`, `Rollups` | the numbers of each minute and hour, and failures in groups |
//! | `audit` | `AuditLog` | who changed what |
//! | `diagnostics` | `Diagnostics` | notes that help to find a fault |
//! | `bulk_jobs` | `BulkJobs` | changes to many deliveries, made page by page |
//! | `whole` | `Store`: all of these and `Staging` | rules across roles; random calls, compared with [`MemoryStore`](crate::store::MemoryStore) |
//! | `staging` | `Outbox`, `History`, `Staging`, and [`Subject::staging`] | the transactional outbox |
//! | `dedup` | `Dedup` | records of handled events |
//! | `placements` | `Placements` | which of several stores has a tenant |
//!
//! Without roles, `conformance!(memory)` checks the roles of a [`Store`]: all except `staging`, `dedup` and `placements`. The tests run on
//! tokio's multi-threaded runtime, so their crate needs tokio with `macros` and `rt-multi-thread`. Other harnesses take the cases
//! as lists: [`outbox`], [`directory`], and so on.
//!
//! A seed determines the random calls. `HOOKWIRE_CONFORMANCE_STEPS` sets the number of calls (default 300), and `HOOKWIRE_CONFORMANCE_SEED`
//! sets the seed (default 1). Run a long sequence before you trust a new store.
#![expect(
    clippy::panic,
    clippy::cognitive_complexity,
    reason = "a case panics when the store breaks the contract; that is its purpose, and each assertion is a branch"
)]

use std::fmt;
use std::pin::Pin;

#[macro_use]
mod list;

mod append;
mod audit;
mod bounds;
mod bulk_jobs;
mod claim;
mod control;
mod dedup;
mod diagnostics;
mod drops;
mod edges;
mod endpoints;
mod exact;
mod failures;
mod fields;
mod given;
mod keys;
mod kinds;
mod lanes;
mod last_attempts;
mod lease;
mod lists;
mod model;
mod order;
mod picture;
mod placements;
mod queues;
mod repeats;
mod retention;
mod rollups;
mod served;
mod settled;
mod staging;
mod subject;
mod together;
mod whole;
mod workers;

pub use self::subject::Subject;
use crate::store::{
    AuditLog, BulkJobs, Control, Dedup, Diagnostics, Directory, History, Outbox, Placements, Retention, Rollups,
    Staging, Store, WorkerRegistry,
};

/// Makes one test of each case, for the roles that are named or for those of a [`Store`].
/// See [`testing::conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! conformance {
    ($make:path) => {
        $crate::conformance! { $make: outbox, directory, history, retention, control, workers, rollups, audit, diagnostics, bulk_jobs, whole }
    };
    ($make:path: $($role:ident),+ $(,)?) => {
        $($crate::__conformance_cases! { $role => stamp ($make) })+
    };
}

/// The code that checks one rule.
type Check<S> = for<'a> fn(&'a Subject<S>) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A rule of the contract and the code that checks it.
pub struct Case<S: ?Sized> {
    name: &'static str,
    run: Check<S>,
}

impl<S: ?Sized> Case<S> {
    /// The rule, such as `append_of_the_same_event_is_a_duplicate`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Checks the rule, on a runtime of several threads.
    ///
    /// # Panics
    /// Panics if the store breaks the rule. The message contains the found and the expected value.
    pub async fn run(&self, subject: &Subject<S>) {
        (self.run)(subject).await;
    }
}

impl<S: ?Sized> Clone for Case<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: ?Sized> Copy for Case<S> {}

impl<S: ?Sized> fmt::Debug for Case<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Case").field(&self.name).finish()
    }
}

/// The cases of the role `outbox`.
#[must_use]
pub fn outbox<S: Outbox + ?Sized>() -> Vec<Case<S>> {
    __conformance_cases! { outbox => list () }
}

/// The cases of the role `directory`.
#[must_use]
pub fn directory<S: Outbox + Directory + ?Sized>() -> Vec<Case<S>> {
    __conformance_cases! { directory => list () }
}

/// The cases of the role `history`.
#[must_use]
pub fn history<S: Outbox + Directory + History + ?Sized>() -> Vec<Case<S>> {
    __conformance_cases! { history => list () }
}

/// The cases of the role `retention`.
#[must_use]
pub fn retention<S: Outbox + Directory + History + Retention + ?Sized>() -> Vec<Case<S>> {
    __conformance_cases! { retention => list () }
}

/// The cases of the role `control`.
#[must_use]
pub fn control<S: Outbox + Directory + History + Control + ?Sized>() -> Vec<Case<S>> {
    __conformance_cases! { control => list () }
}

/// The cases of the role `workers`.
#[must_use]
pub fn workers<S: WorkerRegistry + ?Sized>() -> Vec<Case<S>> {
    __conformance_cases! { workers => list () }
}

/// The cases of the role `rollups`.
#[must_use]
pub fn rollups<S: Outbox + Directory + Rollups + ?Sized>() -> Vec<Case<S>> {
    __conformance_cases! { rollups => list () }
}

/// The cases of the role `audit`.
#[must_use]
pub fn audit<S: AuditLog + ?Sized>() -> Vec<Case<S>> {
    __conformance_cases! { audit => list () }
}

/// The cases of the role `diagnostics`.
#[must_use]
pub fn diagnostics<S: Diagnostics + ?Sized>() -> Vec<Case<S>> {
    __conformance_cases! { diagnostics => list () }
}

/// The cases of the role `bulk_jobs`.
#[must_use]
pub fn bulk_jobs<S: BulkJobs + ?Sized>() -> Vec<Case<S>> {
    __conformance_cases! { bulk_jobs => list () }
}

/// The cases that need all roles of a [`Store`].
#[must_use]
pub fn whole<S: Store + ?Sized>() -> Vec<Case<S>> {
    __conformance_cases! { whole => list () }
}

/// The cases of the role `staging`. They need [`Subject::staging`].
#[must_use]
pub fn staging<S: Outbox + History + Staging + ?Sized>() -> Vec<Case<S>> {
    __conformance_cases! { staging => list () }
}

/// The cases of the role `dedup`.
#[must_use]
pub fn dedup<S: Dedup + ?Sized>() -> Vec<Case<S>> {
    __conformance_cases! { dedup => list () }
}

/// The cases of the role `placements`.
#[must_use]
pub fn placements<S: Placements + ?Sized>() -> Vec<Case<S>> {
    __conformance_cases! { placements => list () }
}

/// The cases of all roles of a [`Store`]: all but those of `staging`, `dedup` and `placements`.
#[must_use]
pub fn store<S: Store + ?Sized>() -> Vec<Case<S>> {
    let mut cases = outbox();
    cases.extend(directory());
    cases.extend(history());
    cases.extend(retention());
    cases.extend(control());
    cases.extend(workers());
    cases.extend(rollups());
    cases.extend(audit());
    cases.extend(diagnostics());
    cases.extend(bulk_jobs());
    cases.extend(whole());
    cases
}

/// Runs the case with this name.
#[doc(hidden)]
pub async fn run<S: ?Sized>(cases: &[Case<S>], name: &str, subject: &Subject<S>) {
    let Some(case) = cases.iter().find(|case| case.name == name) else { panic!("no case is called {name}") };
    case.run(subject).await;
}
