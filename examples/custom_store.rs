//! A store of your own: a wrapper that keeps everything while a legal hold is on. It implements the one role that it changes and
//! delegates the others. `hookwire::guide::writing_a_store` describes how to write a whole backend.
//!
//! `cargo run --example custom_store`
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use hookwire::clock::Timestamp;
use hookwire::event::NewEvent;
use hookwire::id::Work;
use hookwire::sender::Sender;
use hookwire::store::{FinishedCursor, MemoryStore, Retention, RetentionCutoff, Store, StoreError};

/// A store that deletes nothing while it is on hold.
#[derive(Clone, Debug)]
struct LegalHold<S> {
    inner: S,
    on: Arc<AtomicBool>,
}

hookwire::delegate_store! {
    [S: Store] LegalHold<S>, |hold| hold.inner;
    Outbox, Directory, History, Control, Staging, WorkerRegistry, Rollups, AuditLog, Diagnostics, BulkJobs
}

#[async_trait]
impl<S: Store> Retention for LegalHold<S> {
    async fn prune(&self, work: Work, cutoff: RetentionCutoff, limit: u32) -> Result<u64, StoreError> {
        if self.on.load(Ordering::Acquire) { Ok(0) } else { self.inner.prune(work, cutoff, limit).await }
    }

    async fn drop_payloads(
        &self,
        work: Work,
        after: FinishedCursor,
        before: Timestamp,
        limit: u32,
    ) -> Result<Option<FinishedCursor>, StoreError> {
        let on = self.on.load(Ordering::Acquire);
        if on { Ok(None) } else { self.inner.drop_payloads(work, after, before, limit).await }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = LegalHold { inner: MemoryStore::new(), on: Arc::new(AtomicBool::new(true)) };
    let sender = Sender::builder(store.clone()).build()?;
    sender.dispatch(NewEvent::json("order.paid", &1299)?).await?;
    let everything = RetentionCutoff::before(Timestamp::MAX);
    let held = store.prune(Work::Sent, everything, 100).await?;
    store.on.store(false, Ordering::Release);
    let deleted = store.prune(Work::Sent, everything, 100).await?;
    println!("{held} rows deleted while on hold, {deleted} afterwards");
    if (held, deleted) == (0, 1) { Ok(()) } else { Err("the hold did not keep the event".into()) }
}
