//! Changes to many deliveries at once: plans, the batches that carry them out, and the jobs that survive a restart.
//!
//! `plan` says what is done. `reader` reads the next changes, and `changer` makes them. `record` is what a store keeps of a job, and
//! `runner` works on stored jobs: it stores the changes of a batch, makes them, and stores how far the job is. A worker that ends in
//! between leaves a batch that another worker repeats: what was made is not made twice.

pub(super) mod changer;
pub(super) mod count;
pub(super) mod plan;
pub(super) mod reader;
pub(super) mod record;
pub(super) mod runner;
pub(super) mod start;
