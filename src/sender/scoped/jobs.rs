//! Bulk jobs within a scope.

use super::super::bulk::plan::{Action, Filter, Plan};
use super::super::bulk::reader::Reader;
use super::super::bulk::record::{BulkState, BulkStatus, Record};
use super::super::bulk::start::MAX_OPEN_JOBS;
use super::super::error::{DeliveryError, EndpointError};
use super::Scoped;
use super::audit::AuditedChange;
use crate::clock::Timestamp;
use crate::endpoint::Rate;
use crate::id::Tenant;
use crate::store::{BulkJob, DeliveryQuery, Listed, Page, StoreError};

/// The number of deliveries that one call reads.
const PAGE: u32 = 256;

/// How often a stop is tried while a worker records the progress of the job.
const MAX_TRIES: u32 = 8;

/// A change to all deliveries that match a query, from [`Scoped::resend_all`] or [`Scoped::cancel_all`]. Nothing happens before
/// [`start`](Self::start).
///
/// ```
/// use hookwire::delivery::DeliveryState;
/// use hookwire::endpoint::NewEndpoint;
/// use hookwire::event::NewEvent;
/// use hookwire::id::Work;
/// use hookwire::sender::{BulkState, Scope, Sender};
/// use hookwire::store::{DeliveryQuery, MemoryStore};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sender = Sender::builder(MemoryStore::new()).build()?;
/// let acme = sender.scoped(Scope::tenant("acme"));
/// acme.create(NewEndpoint::https("https://acme.example/hooks")?).await?;
/// acme.dispatch(NewEvent::json("invoice.paid", &1042)?).await?;
///
/// let mut waiting = DeliveryQuery::of(Work::Sent);
/// waiting.state = Some(DeliveryState::Pending);
/// let cancel = acme.cancel_all(waiting).limit(1_000);
/// assert_eq!(cancel.count().await?, (1, true), "a dry run: one delivery, and no more than that");
/// let number = cancel.start().await?;
/// assert_eq!(acme.job(number).await?.map(|job| job.state), Some(BulkState::Running), "a worker carries it out");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Bulk<'a> {
    scoped: &'a Scoped,
    /// `None`: no delivery in scope can match.
    plan: Option<Plan>,
}

impl Scoped {
    /// Prepares to send all deliveries again that match a query. A delivery is sent again if it is delivered, failed, cancelled, or held by
    /// a decision of the retry policy. These are left out: deliveries that a newer event has superseded, deliveries whose endpoint is
    /// removed, unreadable or moved to another store, and deliveries that are made after the start.
    pub fn resend_all(&self, query: DeliveryQuery) -> Bulk<'_> {
        self.bulk(Action::Resend, query)
    }

    /// Prepares to cancel all deliveries that match a query and are pending or held. Deliveries that are made after the start are left out.
    pub fn cancel_all(&self, query: DeliveryQuery) -> Bulk<'_> {
        self.bulk(Action::Cancel, query)
    }

    fn bulk(&self, action: Action, mut query: DeliveryQuery) -> Bulk<'_> {
        let listed = self.listed(query.tenant.as_ref()).map(Option::<&_>::cloned);
        let plan = listed.and_then(|tenant| {
            query.tenant = tenant;
            Some(Plan::new(action, Filter::of(&query)?))
        });
        Bulk { scoped: self, plan }
    }

    /// Lists the bulk jobs of the scope: those of the tenant, or those of every owner for an operator.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn jobs(&self, page: Page<u64>) -> Result<Listed<BulkStatus, u64>, StoreError> {
        let found = self.sender.shared.store.jobs(self.scope.as_tenant(), page).await?;
        Ok(found.map(|job| BulkStatus::of(&job)))
    }

    /// Reads how far a bulk job is. Returns `None` if there is no such job in scope.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn job(&self, number: u64) -> Result<Option<BulkStatus>, StoreError> {
        Ok(self.stored_job(number).await?.map(|job| BulkStatus::of(&job)))
    }

    /// The tenant whose deliveries match a filter; `None` if these may be several.
    async fn tenant_of(&self, filter: &Filter) -> Result<Option<Tenant>, StoreError> {
        match (&filter.tenant, filter.endpoint) {
            (None, Some(id)) => {
                let endpoint = self.sender.shared.directory.endpoint(id).await?;
                Ok(endpoint.map(|endpoint| endpoint.tenant.clone()))
            }
            (tenant, _) => Ok(tenant.clone()),
        }
    }

    async fn stored_job(&self, number: u64) -> Result<Option<BulkJob>, StoreError> {
        let job = self.sender.shared.store.job(number).await?;
        Ok(job.filter(|job| self.scope.as_tenant().is_none_or(|own| job.tenant.as_ref() == Some(own))))
    }

    /// Stops a bulk job. What it has changed before remains changed. If a worker is making a batch of changes, it may still complete that
    /// batch.
    ///
    /// # Errors
    /// Returns [`DeliveryError::ReadOnly`] if the caller may only read, [`DeliveryError::JobNotFound`] if there is no such job in scope,
    /// [`DeliveryError::JobFinished`] if it is finished, [`DeliveryError::JobChanged`] if a worker changed it at every try, and
    /// [`DeliveryError::Store`] if the store fails.
    pub async fn stop_job(&self, number: u64) -> Result<(), DeliveryError> {
        self.stop_and_show_job(number).await.map(|_| ())
    }

    /// Like [`stop_job`](Self::stop_job). Returns the status, so that no further read can fail.
    pub(crate) async fn stop_and_show_job(&self, number: u64) -> Result<BulkStatus, DeliveryError> {
        self.writable(DeliveryError::ReadOnly)?;
        let job = self.stored_job(number).await?.ok_or(DeliveryError::JobNotFound)?;
        let tenant = job.tenant.clone();
        self.audited(AuditedChange::new("job.stop", tenant.as_ref(), number), self.stop_now(job)).await
    }

    async fn stop_now(&self, mut job: BulkJob) -> Result<BulkStatus, DeliveryError> {
        let store = &self.sender.shared.store;
        for _ in 0..MAX_TRIES {
            if job.wake_at.is_none() {
                return Err(DeliveryError::JobFinished);
            }
            let next = stopped(&job, self.now());
            if store.update_job(&next).await? {
                return Ok(BulkStatus::of(&next));
            }
            job = store.job(job.number).await?.ok_or(DeliveryError::JobNotFound)?;
        }
        Err(DeliveryError::JobChanged)
    }
}

/// The job after a stop. A record that is unreadable stays as it is.
fn stopped(job: &BulkJob, now: Timestamp) -> BulkJob {
    match Record::of(job) {
        Ok(mut record) => {
            record.finish(BulkState::Stopped, None, now);
            record.update(job, now)
        }
        Err(_) => BulkJob { wake_at: None, version: job.version + 1, ..job.clone() },
    }
}

impl Bulk<'_> {
    /// Changes at most this number of deliveries.
    pub fn limit(mut self, count: u64) -> Self {
        self.plan.iter_mut().for_each(|plan| plan.limit = Some(count));
        self
    }

    /// Spreads the deliveries that are sent again over time, so that new events do not wait behind them. A cancellation ignores the rate.
    pub fn at_most(mut self, rate: Rate) -> Self {
        self.plan.iter_mut().filter(|plan| plan.action != Action::Cancel).for_each(|plan| plan.rate = Some(rate));
        self
    }

    /// Counts the deliveries that would be changed, up to [`Counts::MOST`](crate::store::Counts::MOST) and for some seconds, and changes
    /// nothing. Returns the number, and whether all was read: otherwise there may be more. Deliveries of expunged events count too, although
    /// they cannot be sent again.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn count(&self) -> Result<(u64, bool), StoreError> {
        let Some(plan) = self.plan.as_ref().map(|plan| plan.starting_at(self.scoped.now())) else {
            return Ok((0, true));
        };
        let shared = &self.scoped.sender.shared;
        let (store, directory) = (&*shared.store, &*shared.directory);
        let reader = Reader { store, directory, plan: &plan, endpoint: None, page: PAGE };
        match reader.count_up_to_bound(&*shared.clock).await {
            Err(EndpointError::Store(error)) => Err(error),
            // All other errors are about an endpoint, which such a plan does not have.
            Err(_) => Ok((0, true)),
            Ok(counted) => Ok(counted),
        }
    }

    /// Starts a job that changes the deliveries in batches, also if this process ends. Returns the number of the job; see
    /// [`Scoped::job`]. A job that sends waits while the tenant that owns it has [too many pending
    /// deliveries](crate::sender::SenderBuilder::max_waiting_for_replay). With a [rate](Self::at_most), it makes deliveries due at most
    /// 30 s ahead, so that it can be [stopped](Scoped::stop_job).
    ///
    /// # Errors
    /// Returns [`DeliveryError::ReadOnly`] if the caller may only read, [`DeliveryError::NotFound`] if no delivery in scope can match,
    /// [`DeliveryError::TooManyJobs`] if the owner has too many jobs that are not finished, and [`DeliveryError::Store`] if the store fails.
    pub async fn start(self) -> Result<u64, DeliveryError> {
        Ok(self.start_and_show().await?.number)
    }

    /// Like [`start`](Self::start). Returns the status, so that no further read can fail.
    pub(crate) async fn start_and_show(self) -> Result<BulkStatus, DeliveryError> {
        let scoped = self.scoped;
        scoped.writable(DeliveryError::ReadOnly)?;
        let plan = self.plan.ok_or(DeliveryError::NotFound)?;
        let tenant = scoped.tenant_of(&plan.filter).await?;
        let object = plan.filter.endpoint.map(|id| id.to_string()).unwrap_or_default();
        let change = AuditedChange::new(plan.action.name(), tenant.as_ref(), object).detail(plan.text());
        scoped
            .audited(change, async {
                let (owner, by) = (scoped.scope.as_tenant(), scoped.caller_name());
                let started = scoped.sender.start_job(owner, &plan, &by).await?;
                started.ok_or(DeliveryError::TooManyJobs { limit: MAX_OPEN_JOBS })
            })
            .await
    }
}
