//! Changes to many deliveries at once: plans, the steps that carry them out, and the jobs that survive a restart.
//!
//! `plan` says what is done, `step` does one page of it, `count` is the dry run, `record` is what a store keeps of a job, and `runner` works on stored jobs.

mod count;
pub(super) mod plan;
pub(super) mod record;
pub(super) mod runner;
pub(super) mod start;
pub(super) mod step;
