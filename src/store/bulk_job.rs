//! The role that keeps bulk jobs: changes to many deliveries, made page by page.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Listed, Page, StoreError};
use crate::clock::Timestamp;
use crate::id::Tenant;

/// How many finished jobs of one owner a store keeps. When a job is added, older ones are deleted.
pub const FINISHED_JOBS_KEPT: u32 = 100;

/// A bulk job as a store keeps it. Only a sender reads the [content](Self::content).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made by stores")]
pub struct BulkJob {
    /// The number, which rises with every job. The store sets it; it is 0 before.
    pub number: u64,
    /// The tenant that owns the job. `None`: operators own it.
    pub tenant: Option<Tenant>,
    /// When a worker takes the job up. While a worker works on the job, this is the time at which another worker may take it over. `None`:
    /// the job is finished.
    pub wake_at: Option<Timestamp>,
    /// The version: 1 when the job is added, and one more after each update.
    pub version: u64,
    /// What the job does and how far it is, at most 16 KiB.
    pub content: Box<str>,
}

impl BulkJob {
    /// Creates a new job, which a worker may take up at this time.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::store::{BulkJob, BulkJobs, MemoryStore};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (store, now) = (MemoryStore::new(), Timestamp::from_secs(1));
    /// let number = store.add_job(BulkJob::new(Some("acme".into()), now, "{}"), 8).await?.expect("no other job is open");
    /// assert_eq!(store.due_jobs(now, 10).await?[0].number, number);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn new(tenant: Option<Tenant>, wake_at: Timestamp, content: impl Into<Box<str>>) -> Self {
        Self { number: 0, tenant, wake_at: Some(wake_at), version: 1, content: content.into() }
    }
}

/// Keeps bulk jobs. The owner of a job is a tenant, or all operators together.
///
/// 1. `add_job` MUST give every job a number above 0 and above those of all earlier jobs, also after a deletion
///    (`jobs_get_rising_numbers`). If `most_open` jobs of the owner are not finished, it MUST add nothing and return `None`
///    (`an_owner_has_a_bounded_number_of_open_jobs`), also if several calls run at the same time
///    (`concurrent_jobs_of_an_owner_are_bounded`). Jobs of other owners MUST NOT count (`open_jobs_of_other_owners_do_not_count`). It
///    MUST delete the oldest finished jobs of the owner, so that [`FINISHED_JOBS_KEPT`] remain, and no other job
///    (`old_finished_jobs_make_room`).
/// 2. `update_job` MUST replace the job only if the stored version is one less than the new one, and return whether it did
///    (`an_update_needs_the_next_version`, `of_concurrent_updates_of_a_job_one_wins`). This MUST hold for a finished job too
///    (`a_finished_job_can_be_opened_again`). Number and owner never change (`an_update_keeps_number_and_owner`). An unknown number
///    changes nothing.
/// 3. `job` MUST return the job as it was stored, byte for byte (`a_job_reads_back_whole`).
/// 4. `jobs` MUST list the jobs of the tenant, or of every owner with `None` (`jobs_are_listed_by_owner`), in the order of their numbers,
///    or in reverse if [`Page::newest_first`] is set, and page without gaps (`jobs_are_listed_in_pages`). If several jobs are added at the
///    same time, a list MAY show the one with the higher number before the other one exists.
/// 5. `due_jobs` MUST list the jobs that are not finished and whose `wake_at` is at or before `now`, the earliest first, at most `limit`
///    (`due_jobs_are_those_whose_time_has_come`, `due_jobs_follow_their_updates`). Its cost MUST NOT grow with the number of finished
///    jobs.
/// 6. A dropped future MUST leave a job whole or absent (`a_dropped_job_is_added_or_absent`,
///    `a_dropped_update_of_a_job_is_whole_or_absent`).
#[async_trait]
pub trait BulkJobs: fmt::Debug + Send + Sync + 'static {
    /// Adds a job. Returns its number, or `None` if the owner has `most_open` jobs that are not finished.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn add_job(&self, job: BulkJob, most_open: u32) -> Result<Option<u64>, StoreError>;

    /// Replaces a job by its next version. Returns `false` if the stored version is another one, or if there is no such job.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn update_job(&self, job: &BulkJob) -> Result<bool, StoreError>;

    /// Reads a job.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn job(&self, number: u64) -> Result<Option<BulkJob>, StoreError>;

    /// Lists jobs, a page at a time.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn jobs(&self, tenant: Option<&Tenant>, page: Page<u64>) -> Result<Listed<BulkJob, u64>, StoreError>;

    /// Lists jobs that a worker may take up.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn due_jobs(&self, now: Timestamp, limit: u32) -> Result<Vec<BulkJob>, StoreError>;
}

delegate_store! { [S: BulkJobs + ?Sized] Arc<S>, |shared| **shared; BulkJobs }
