//! A durable queue of verified events: store, respond with 202, handle later.
//!
//! A handler that runs while the provider waits must be fast and must not fail. With an inbox it may be slow and may fail: a
//! verified event is stored before the provider gets its response, and a worker calls the application's handler later. The worker
//! adds retries, limits, an order on request, deadlines and dead letters. It is the same [worker](crate::worker) that sends
//! webhooks, so schedules, leases, shutdown and history work in the same way.
//!
//! ```
//! use hookwire::receiver::inbox::{Inbox, Queue};
//! use hookwire::receiver::{Receiver, Source};
//! use hookwire::store::{MemoryDedup, MemoryStore}; // or SqliteStore, which is both, for what must survive the process
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let inbox = Inbox::builder(MemoryStore::new())
//!     .queue(Queue::new("urgent", |job| async move {
//!         let ticket: serde_json::Value = job.json()?; // after an error, the job is tried again
//!         println!("{}: {ticket}", job.event_type());
//!         Ok(())
//!     }).types("ticket.escalated".parse()?))
//!     .queue(Queue::new("rest", |_job| async { Ok(()) }))
//!     .build()?;
//! let receiver = Receiver::builder(MemoryDedup::new())
//!     .source(Source::standard("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?)
//!     .build()?;
//! let service = receiver.store("standard", &inbox)?;
//! let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
//! let worker = tokio::spawn(inbox.worker().run_until(stopped));
//! # drop(stop);
//! # worker.await??;
//! # drop(service);
//! # Ok(()) }
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(run()).unwrap();
//! ```
//!
//! # Rules
//!
//! 1. The response 202 is sent after the event is durable in the store. A repeated event gets the same response and is not stored
//!    twice, because its id in the store is made of its [identity](super::Verified::dedup_entries).
//! 2. An event goes to the first [`Queue`] whose source and types match. An event that matches no queue is stored and not handled.
//! 3. After a handler's error, the job is tried again by the queue's retry policy. After [`JobError::reject`] or the last attempt, the
//!    job is a dead letter: a failed delivery in [`Inbox::history`], which [`Inbox::resend`] makes pending again.
//! 4. Queues do not wait for each other. To prefer one event type, give it its own queue.
//!
//! # When a handler may see an event twice
//!
//! A handler may see an event twice if the process ends, or if the store fails, between the handler's effect and the record of it.
//! The same can happen if the grace of a stopping worker ends before the handler does.
//! [`SqliteStore::settle_in`](crate::store::SqliteStore::settle_in) prevents this if the effect is in the same database.
//!
//! # Defaults and caveats
//!
//! A queue calls 8 handlers at once, for 30 s each, with the retry schedule of [`Policy`](crate::retry::Policy). To choose a queue, the
//! characters of a type outside of the alphabet of [`EventType`](crate::event::EventType) become `_`. The provider's id and type are
//! stored as sent, up to 256 bytes each, with the headers that [its scheme keeps](super::Verified::kept_headers).
//!
//! A sender may use the same store. Events, deliveries, jobs, counts and metrics of the two are separate, and each prunes its own.

mod deliver;
mod job;
mod legacy;
mod queue;
mod recent_notes;
mod rejected;
mod setup;
#[cfg(feature = "console")]
mod state;
mod store;

pub use self::job::{Job, JobError};
pub use self::queue::Queue;
pub use self::rejected::RejectedRequest;
pub use self::setup::{Inbox, InboxBuilder};
pub use self::store::InboxResult;
