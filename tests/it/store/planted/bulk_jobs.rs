//! Bulk jobs of the simple store, with faults.

use async_trait::async_trait;
use hookwire::clock::Timestamp;
use hookwire::id::Tenant;
use hookwire::store::{BulkJob, BulkJobs, FINISHED_JOBS_KEPT, Listed, Page, StoreError};

use super::bug::Bug;
use super::db::Db;
use super::roles::Simple;

impl Db {
    fn is_owned(&self, job: &BulkJob, owner: Option<&Tenant>) -> bool {
        let fold = |tenant: &Tenant| tenant.as_str().to_lowercase();
        match self.bug {
            Some(Bug::JobOwnersAreFolded) => job.tenant.as_ref().map(fold) == owner.map(fold),
            _ => job.tenant.as_ref() == owner,
        }
    }

    fn has_room(&self, job: &BulkJob, most_open: u32) -> bool {
        let is_open = |other: &&BulkJob| match self.bug {
            Some(Bug::JobLimitCountsFinished) => true,
            Some(Bug::JobLimitCountsDueOnly) => other.wake_at.is_some_and(|at| Some(at) <= job.wake_at),
            _ => other.wake_at.is_some(),
        };
        let of_all = self.has(Bug::JobLimitOfAllOwners);
        let counts = |other: &&BulkJob| of_all || self.is_owned(other, job.tenant.as_ref());
        let open = self.jobs.values().filter(is_open).filter(counts).count();
        let most = most_open as usize + usize::from(self.has(Bug::JobLimitIsExceeded));
        open < most || job.tenant.is_none() && self.has(Bug::JobLimitSkipsOperators)
    }

    fn next_job(&self, job: &BulkJob) -> u64 {
        let last = self.jobs.keys().next_back().copied().unwrap_or_default();
        let of_owner = self.jobs.values().filter(|other| other.tenant == job.tenant);
        match self.bug {
            Some(Bug::JobNumbersAreUsedAgain) => self.jobs.len() as u64 + 1,
            Some(Bug::JobNumbersByOwner) => of_owner.count() as u64 + 1,
            _ => last + 1,
        }
    }

    fn make_room(&mut self, job: &BulkJob) {
        let (of_all, takes_open) = (self.has(Bug::FinishedJobsOfAllMakeRoom), self.has(Bug::OpenJobsMakeRoom));
        let is_old = |other: &&BulkJob| {
            (of_all || self.is_owned(other, job.tenant.as_ref())) && (takes_open || other.wake_at.is_none())
        };
        let mut found: Vec<_> = self.jobs.values().filter(is_old).map(|other| other.number).collect();
        if self.has(Bug::NewestJobsMakeRoom) {
            found.reverse();
        }
        let keeps_all = self.has(Bug::FinishedJobsAreNeverDropped)
            || job.tenant.is_none() && self.has(Bug::FinishedJobsMakeNoRoomForOperators);
        let excess = if keeps_all { 0 } else { found.len().saturating_sub(FINISHED_JOBS_KEPT as usize) };
        for number in &found[..excess] {
            self.jobs.remove(number);
        }
    }

    fn kept_content(&self, content: &str) -> Box<str> {
        match self.bug {
            Some(Bug::JobContentCutAt4K) => content.chars().take(4_096).collect::<String>().into(),
            Some(Bug::JobContentIsTrimmed) => content.trim_end().into(),
            _ => content.into(),
        }
    }

    fn add_job(&mut self, job: &BulkJob) -> u64 {
        self.make_room(job);
        let number = self.next_job(job);
        let mut job = BulkJob { number, content: self.kept_content(&job.content), ..job.clone() };
        job.wake_at = job.wake_at.map(|at| self.time(at));
        if self.has(Bug::JobsOfOperatorsHaveATenant) {
            job.tenant = job.tenant.or_else(|| Some(Tenant::default()));
        }
        self.jobs.insert(number, job);
        number
    }

    fn may_update(&self, job: &BulkJob) -> bool {
        let Some(stored) = self.jobs.get(&job.number) else { return self.has(Bug::UpdateJobAddsTheUnknown) };
        match self.bug {
            Some(Bug::UpdateJobIgnoresTheVersion) => true,
            Some(Bug::UpdateJobTakesLaterVersions) => job.version > stored.version,
            Some(Bug::UpdateJobTakesTheSameVersion) => {
                job.version == stored.version || job.version == stored.version + 1
            }
            Some(Bug::UpdateJobSkipsFinished) if stored.wake_at.is_none() => false,
            _ => job.version == stored.version + 1,
        }
    }

    fn update_job(&mut self, job: &BulkJob) {
        let mut new = BulkJob { content: self.kept_content(&job.content), ..job.clone() };
        new.wake_at = new.wake_at.map(|at| self.time(at));
        if let Some(stored) = self.jobs.get(&job.number) {
            if !self.has(Bug::UpdateJobChangesTheOwner) {
                new.tenant.clone_from(&stored.tenant);
            }
            if self.has(Bug::JobsLoseTheNewTime) && new.wake_at.is_some() && stored.wake_at.is_some() {
                new.wake_at = stored.wake_at;
            }
        }
        self.jobs.insert(job.number, new);
    }

    fn jobs(&self, tenant: Option<&Tenant>, page: Page<u64>) -> Listed<BulkJob, u64> {
        let is_listed = |job: &BulkJob| match (tenant, self.bug) {
            (None, Some(Bug::JobsOfOperatorsOnly)) => job.tenant.is_none(),
            (None, _) | (_, Some(Bug::JobsIgnoreTheTenant)) => true,
            (tenant, _) => self.is_owned(job, tenant),
        };
        let newest_first = page.newest_first && !self.has(Bug::JobsAreOldestFirst);
        let repeats = self.has(Bug::JobsRepeatTheCursor);
        let is_beyond = |job: &&BulkJob| {
            page.after.is_none_or(|after| {
                let is_after = if newest_first { job.number < after } else { job.number > after };
                is_after || repeats && job.number == after
            })
        };
        let mut found: Vec<_> = self.jobs.values().filter(is_beyond).cloned().collect();
        if newest_first {
            found.reverse();
        }
        let late = self.has(Bug::JobsFilterAfterTheLimit);
        if !late {
            found.retain(is_listed);
        }
        let limit = page.limit as usize + usize::from(self.has(Bug::JobsIgnoreTheLimit));
        let is_last = found.len() <= limit;
        found.truncate(limit);
        if late {
            found.retain(is_listed);
        }
        let next = found.last().map(|job| job.number).filter(|_| !is_last);
        Listed { items: found, next }
    }

    fn due_jobs(&self, now: Timestamp, limit: u32) -> Vec<BulkJob> {
        let is_due = |job: &&BulkJob| match (job.wake_at, self.bug) {
            (None, bug) => bug == Some(Bug::DueJobsShowFinished),
            (Some(at), Some(Bug::DueJobsIsExclusive)) => at < now,
            (Some(_), Some(Bug::DueJobsIgnoreTheTime)) => true,
            (Some(_), Some(Bug::DueJobsOfTenantsOnly)) if job.tenant.is_none() => false,
            (Some(at), _) => at <= now,
        };
        let mut due: Vec<_> = self.jobs.values().filter(is_due).cloned().collect();
        if !self.has(Bug::DueJobsByNumber) {
            due.sort_by_key(|job| job.wake_at);
        }
        if !self.has(Bug::DueJobsIgnoreTheLimit) {
            due.truncate(limit as usize);
        }
        due
    }
}

#[async_trait]
impl BulkJobs for Simple {
    async fn add_job(&self, job: BulkJob, most_open: u32) -> Result<Option<u64>, StoreError> {
        if self.has(Bug::UnlockedJob) {
            let has_room = self.read(|db| db.has_room(&job, most_open)).await;
            self.pause().await;
            return Ok(if has_room { Some(self.change(|db| db.add_job(&job)).await) } else { None });
        }
        let add = |db: &mut Db| {
            let has_room = db.has_room(&job, most_open);
            if !has_room && db.has(Bug::RefusedJobsAreStored) {
                db.add_job(&job);
            }
            has_room.then(|| db.add_job(&job))
        };
        Ok(self.change(add).await)
    }

    async fn update_job(&self, job: &BulkJob) -> Result<bool, StoreError> {
        if self.has(Bug::UnlockedUpdateJob) {
            let may = self.read(|db| db.may_update(job)).await;
            self.pause().await;
            if may {
                self.change(|db| db.update_job(job)).await;
            }
            return Ok(may);
        }
        let splits = self.has(Bug::SplitUpdateJob);
        let update = |db: &mut Db| {
            let may = db.may_update(job);
            let content = db.jobs.get(&job.number).map(|stored| stored.content.clone());
            if may {
                let content = content.filter(|_| splits).unwrap_or_else(|| job.content.clone());
                db.update_job(&BulkJob { content, ..job.clone() });
            }
            may
        };
        let may = self.change(update).await;
        if may && splits {
            // The content is in another table.
            let finish = |db: &mut Db| {
                if let Some(stored) = db.jobs.get_mut(&job.number) {
                    stored.content.clone_from(&job.content);
                }
            };
            self.change(finish).await;
        }
        Ok(may || self.has(Bug::UpdateJobAnswersTrue))
    }

    async fn job(&self, number: u64) -> Result<Option<BulkJob>, StoreError> {
        Ok(self.read(|db| db.jobs.get(&number).cloned()).await)
    }

    async fn jobs(&self, tenant: Option<&Tenant>, page: Page<u64>) -> Result<Listed<BulkJob, u64>, StoreError> {
        Ok(self.read(|db| db.jobs(tenant, page)).await)
    }

    async fn due_jobs(&self, now: Timestamp, limit: u32) -> Result<Vec<BulkJob>, StoreError> {
        Ok(self.read(|db| db.due_jobs(now, limit)).await)
    }
}
