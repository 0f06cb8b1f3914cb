//! Replay: sends stored events again, to an endpoint that was created later or that failed for a while.

use std::sync::Arc;

use super::bulk::changer::Changer;
use super::bulk::plan::{Action, Filter, Plan, Selection};
use super::bulk::reader::Reader;
use super::bulk::record::BulkStatus;
use super::bulk::start::MAX_OPEN_JOBS;
use super::error::EndpointError;
use super::handle::Sender;
use super::scoped::Scoped;
use super::scoped::audit::AuditedChange;
use crate::clock::Timestamp;
use crate::endpoint::{Endpoint, Rate};
use crate::event::Pattern;
use crate::id::{EndpointId, Tenant};

/// The number of events or deliveries that one call reads.
const PAGE: u32 = 256;

/// A replay that is being prepared, from [`Sender::replay`]. Nothing is sent before [`run`](Self::run) or
/// [`start`](Self::start).
///
/// ```
/// use std::time::Duration;
/// use hookwire::clock::{Clock, SystemClock};
/// use hookwire::endpoint::{NewEndpoint, Rate};
/// use hookwire::event::NewEvent;
/// use hookwire::sender::Sender;
/// use hookwire::store::MemoryStore;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sender = Sender::builder(MemoryStore::new()).build()?;
/// sender.dispatch(NewEvent::json("invoice.paid", &1042)?.tenant("acme")).await?;
/// let late = sender.endpoints().create(NewEndpoint::https("https://acme.example/hooks")?.tenant("acme")).await?;
///
/// let yesterday = SystemClock.now() - Duration::from_secs(86_400);
/// let replay = sender.replay(late.id).from(yesterday);
/// assert_eq!(replay.count().await?, 1, "a dry run");
/// let sent = replay.at_most(Rate { count: 10.try_into()?, per: Duration::from_secs(1) }).run().await?;
/// assert_eq!(sent, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Replay<'a> {
    sender: &'a Sender,
    endpoint: EndpointId,
    /// The endpoint, if it was read before.
    known: Option<Arc<Endpoint>>,
    plan: Plan,
    /// The rights of the caller. `None`: the application itself, which may do everything.
    scoped: Option<&'a Scoped>,
}

impl Sender {
    /// Prepares to send stored events to an endpoint again: by default those that [did not arrive](Replay::not_arrived).
    pub fn replay(&self, endpoint: EndpointId) -> Replay<'_> {
        let action = Action::Replay { selection: Selection::NotArrived, fresh_ids: false };
        let filter = Filter { endpoint: Some(endpoint), ..Filter::default() };
        Replay { sender: self, endpoint, known: None, plan: Plan::new(action, filter), scoped: None }
    }

    /// Prepares a replay to an endpoint that was read before, with the rights of this scope.
    pub(super) fn replay_scoped<'a>(&'a self, endpoint: Arc<Endpoint>, scoped: &'a Scoped) -> Replay<'a> {
        Replay { scoped: Some(scoped), known: Some(endpoint.clone()), ..self.replay(endpoint.id) }
    }
}

impl<'a> Replay<'a> {
    /// Selects every event that matches the endpoint and did not reach it. These are first the deliveries that [failed or were
    /// cancelled](Self::unfinished), unless another delivery of the event has arrived, and then the events that [never had a
    /// delivery](Self::never_owed) to it. Pending and held deliveries are not selected, because they are sent anyway. This is the default.
    pub const fn not_arrived(self) -> Self {
        self.select(Selection::NotArrived)
    }

    /// Selects the events that match the endpoint and never had a delivery to it: they were dispatched before the endpoint was created, or
    /// before its filter matched them. A second run sends nothing twice, unless it is [under fresh ids](Self::under_fresh_ids).
    pub const fn never_owed(self) -> Self {
        self.select(Selection::NeverOwed)
    }

    /// Selects every event that matches the endpoint, even if it was delivered before. Each event gets a new delivery.
    pub const fn all(self) -> Self {
        self.select(Selection::All)
    }

    /// Selects the deliveries that failed or were cancelled. Each is [resent](Sender::resend).
    pub const fn unfinished(self) -> Self {
        self.select(Selection::Unfinished)
    }

    /// Selects only events that were dispatched at this time or later.
    pub const fn from(mut self, from: Timestamp) -> Self {
        self.plan.filter.from = Some(from);
        self
    }

    /// Selects only events that were dispatched before this time.
    pub const fn to(mut self, to: Timestamp) -> Self {
        self.plan.filter.to = Some(to);
        self
    }

    /// Selects only events of these types.
    pub fn types(mut self, types: Pattern) -> Self {
        self.plan.types = Some(types);
        self
    }

    /// Spreads the deliveries over time, so that new events do not wait behind the replayed ones.
    pub const fn at_most(mut self, rate: Rate) -> Self {
        self.plan.rate = Some(rate);
        self
    }

    /// Sends copies under new ids, so that a receiver that deduplicates by id handles them again. By default the original ids are used, and
    /// a receiver ignores events that it has handled. A copy is for this endpoint only ([`Audience::Direct`](crate::event::Audience::Direct)): no later replay selects it.
    /// This does not apply to [`unfinished`](Self::unfinished).
    pub const fn under_fresh_ids(mut self) -> Self {
        self.plan.action = Action::Replay { selection: self.selection(), fresh_ids: true };
        self
    }

    /// Sends at most this number of deliveries.
    pub const fn limit(mut self, count: u64) -> Self {
        self.plan.limit = Some(count);
        self
    }

    const fn select(mut self, selection: Selection) -> Self {
        let fresh_ids = matches!(self.plan.action, Action::Replay { fresh_ids: true, .. });
        self.plan.action = Action::Replay { selection, fresh_ids };
        self
    }

    const fn selection(&self) -> Selection {
        match self.plan.action {
            Action::Replay { selection, .. } => selection,
            // Only `select` and `under_fresh_ids` set the action.
            Action::Resend | Action::Cancel => Selection::NotArrived,
        }
    }

    /// Counts the deliveries that a run would make: a dry run.
    ///
    /// # Errors
    /// Returns [`EndpointError::NotFound`] if there is no such endpoint, and [`EndpointError::Store`] if the store fails.
    pub async fn count(&self) -> Result<u64, EndpointError> {
        let (plan, endpoint) = (self.plan.starting_at(self.sender.now()), self.endpoint().await?);
        self.reader(&plan, &endpoint).count(self.sender.now()).await
    }

    /// Counts the same as [`count`](Self::count), but only up to [`Counts::MOST`](crate::store::Counts::MOST) and for some seconds: for a
    /// form or a request, where somebody waits. Returns the number, and whether it is exact: otherwise there may be more.
    ///
    /// ```
    /// use hookwire::endpoint::NewEndpoint;
    /// use hookwire::event::NewEvent;
    /// use hookwire::sender::Sender;
    /// use hookwire::store::MemoryStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sender = Sender::builder(MemoryStore::new()).build()?;
    /// sender.dispatch(NewEvent::json("invoice.paid", &1042)?.tenant("acme")).await?;
    /// let late = sender.endpoints().create(NewEndpoint::https("https://acme.example/hooks")?.tenant("acme")).await?;
    /// assert_eq!(sender.replay(late.id).count_up_to_bound().await?, (1, true));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Fails with the errors of [`count`](Self::count).
    pub async fn count_up_to_bound(&self) -> Result<(u64, bool), EndpointError> {
        let (plan, endpoint) = (self.plan.starting_at(self.sender.now()), self.endpoint().await?);
        self.reader(&plan, &endpoint).count_up_to_bound(&*self.sender.shared.clock).await
    }

    fn reader<'r>(&'r self, plan: &'r Plan, endpoint: &'r Endpoint) -> Reader<'r> {
        let shared = &self.sender.shared;
        Reader { store: &*shared.store, directory: &shared.directory, plan, endpoint: Some(endpoint), page: PAGE }
    }

    /// Makes the deliveries. When this returns, all of them are durable. Returns their number.
    ///
    /// # Errors
    /// Fails with the errors of [`count`](Self::count). A replay from a [`Scoped`](super::Scoped) fails with [`EndpointError::ReadOnly`] if
    /// the scope is read-only. A tenant's replay fails with [`EndpointError::ReplayRunning`] if another replay of the tenant is running,
    /// and with [`EndpointError::TooManyWaiting`] if the tenant has [too many pending
    /// deliveries](super::SenderBuilder::max_waiting_for_replay). Deliveries that were made before the error are kept.
    pub async fn run(self) -> Result<u64, EndpointError> {
        match self.scoped {
            Some(scoped) => {
                let endpoint = self.writable_endpoint(scoped).await?;
                scoped.audited(self.change(&endpoint), self.run_now()).await
            }
            None => self.run_now().await,
        }
    }

    /// Starts a job that makes the deliveries in batches, also if this process ends. Returns the number of the job; see
    /// [`Scoped::job`](super::Scoped::job). The job waits while the tenant that owns it has [too many pending
    /// deliveries](super::SenderBuilder::max_waiting_for_replay). With a [rate](Self::at_most), it makes deliveries at most 30 s ahead of
    /// their time, so that it can be [stopped](super::Scoped::stop_job).
    ///
    /// ```
    /// use hookwire::endpoint::NewEndpoint;
    /// use hookwire::event::NewEvent;
    /// use hookwire::sender::{BulkState, Scope, Sender};
    /// use hookwire::store::MemoryStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sender = Sender::builder(MemoryStore::new()).build()?;
    /// let acme = sender.scoped(Scope::tenant("acme"));
    /// acme.dispatch(NewEvent::json("invoice.paid", &1042)?).await?;
    /// let late = acme.create(NewEndpoint::https("https://acme.example/hooks")?).await?;
    ///
    /// let number = acme.replay(late.id).await?.never_owed().start().await?;
    /// let job = acme.job(number).await?.expect("it was started");
    /// assert_eq!((job.state, job.changed), (BulkState::Running, 0), "a worker carries it out");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns [`EndpointError::NotFound`] if there is no such endpoint, [`EndpointError::ReadOnly`] if the scope is read-only,
    /// [`EndpointError::TooManyJobs`] if the owner has too many jobs that are not finished, and [`EndpointError::Store`] if the store fails.
    pub async fn start(self) -> Result<u64, EndpointError> {
        Ok(self.start_and_show().await?.number)
    }

    /// Like [`start`](Self::start). Returns the status, so that no further read can fail.
    pub(crate) async fn start_and_show(self) -> Result<BulkStatus, EndpointError> {
        match self.scoped {
            Some(scoped) => {
                let endpoint = self.writable_endpoint(scoped).await?;
                scoped
                    .audited(self.change(&endpoint), self.start_now(scoped.scope().as_tenant(), &scoped.caller_name()))
                    .await
            }
            None => {
                self.endpoint().await?;
                self.start_now(None, "").await
            }
        }
    }

    async fn start_now(&self, owner: Option<&Tenant>, started_by: &str) -> Result<BulkStatus, EndpointError> {
        let started = self.sender.start_job(owner, &self.plan, started_by).await?;
        started.ok_or(EndpointError::TooManyJobs { limit: MAX_OPEN_JOBS })
    }

    async fn writable_endpoint(&self, scoped: &Scoped) -> Result<Arc<Endpoint>, EndpointError> {
        if scoped.scope().is_read_only() { Err(EndpointError::ReadOnly) } else { self.endpoint().await }
    }

    /// The replay, for the audit log.
    fn change<'b>(&self, endpoint: &'b Endpoint) -> AuditedChange<'b> {
        AuditedChange::new(self.plan.action.name(), &endpoint.tenant, endpoint.id).detail(self.plan.text())
    }

    async fn run_now(&self) -> Result<u64, EndpointError> {
        let mut plan = self.plan.starting_at(self.sender.now());
        let endpoint = self.endpoint().await?;
        let owner = self.scoped.and_then(|scoped| scoped.scope().as_tenant());
        let _turn = match owner {
            Some(tenant) => {
                let turn = self.sender.shared.replays.begin(tenant)?;
                let free = self.free_backlog(tenant, &endpoint).await?;
                plan.limit = Some(plan.limit.map_or(free, |limit| limit.min(free)));
                Some(turn)
            }
            None => None,
        };
        let count = self.execute(&plan, &endpoint).await?;
        self.sender.shared.engine.announce(self.endpoint.into(), self.sender.now());
        Ok(count)
    }

    /// Returns the endpoint that was read before, or reads it from the store.
    async fn endpoint(&self) -> Result<Arc<Endpoint>, EndpointError> {
        match &self.known {
            Some(endpoint) => Ok(endpoint.clone()),
            None => self.sender.endpoints().get(self.endpoint).await,
        }
    }

    /// Returns the number of further deliveries that may be pending for the owner.
    async fn free_backlog(&self, tenant: &Tenant, endpoint: &Endpoint) -> Result<u64, EndpointError> {
        let shared = &self.sender.shared;
        let endpoints = shared.directory.of_tenant(tenant).await?;
        match shared.quotas.backlog.free(&*shared.store, &endpoints, Some(endpoint.id)).await? {
            0 => Err(EndpointError::TooManyWaiting),
            free => Ok(free),
        }
    }

    /// Carries out all of a plan. Returns the number of changes.
    async fn execute(&self, plan: &Plan, endpoint: &Endpoint) -> Result<u64, EndpointError> {
        let reader = self.reader(plan, endpoint);
        let mut progress = plan.start();
        while let Some(batch) = reader.next(&progress, u64::MAX).await? {
            let now = self.sender.now();
            let changer = Changer { store: reader.store, plan, endpoint: reader.endpoint, now, job: None };
            let changed = changer.change(&batch, &progress).await?;
            plan.advance(&mut progress, &batch, changed, now);
        }
        Ok(progress.changed)
    }
}
