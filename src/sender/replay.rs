//! Replay: sends stored events again, to an endpoint that was created later or that failed for a while.

use std::sync::Arc;
use std::time::Duration;

use super::error::EndpointError;
use super::handle::Sender;
use super::scope::Scope;
use super::scoped::Scoped;
use super::scoped::audit::AuditedChange;
use super::turns::Turn;
use crate::clock::Timestamp;
use crate::delivery::{Delivery, DeliveryState};
use crate::endpoint::{Endpoint, Rate, Verdict};
use crate::event::{Audience, EventType, Pattern};
use crate::id::{DeliveryId, EndpointId, EventId, Tenant, Work};
use crate::retry::FailReason;
use crate::store::{AddDelivery, Append, Appended, DeliveryQuery, EventQuery, EventSummary, Page};

/// The number of events or deliveries that one call of the store reads.
const PAGE: u32 = 256;

/// Which events are sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Selection {
    /// Events that did not arrive: their delivery failed, was cancelled or was never made.
    NotArrived,
    /// Events that never had a delivery to the endpoint: they were dispatched before it existed or matched them.
    NeverOwed,
    /// All events that match the endpoint.
    All,
    /// Events whose delivery failed or was cancelled.
    Unfinished,
}

/// The caller of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    /// The application, or an operator.
    Operator,
    /// The tenant of the endpoint.
    Owner,
    /// A caller that may count, but not send.
    ReadOnly,
}

/// A replay that is being prepared, from [`Sender::replay`]. Nothing is sent before [`run`](Self::run).
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
    selection: Selection,
    from: Timestamp,
    to: Timestamp,
    types: Option<Pattern>,
    rate: Option<Rate>,
    fresh_ids: bool,
    limit: u64,
    caller: Caller,
    /// The scope that records the replay in the audit log.
    scoped: Option<&'a Scoped>,
}

impl Sender {
    /// Prepares to send stored events to an endpoint again: by default those that [did not arrive](Replay::not_arrived).
    pub const fn replay(&self, endpoint: EndpointId) -> Replay<'_> {
        let (from, to) = (Timestamp::from_micros(i64::MIN), Timestamp::MAX);
        Replay {
            sender: self,
            endpoint,
            known: None,
            selection: Selection::NotArrived,
            from,
            to,
            types: None,
            rate: None,
            fresh_ids: false,
            limit: u64::MAX,
            caller: Caller::Operator,
            scoped: None,
        }
    }

    /// Prepares a replay to an endpoint that was read before, with the rights of this scope.
    pub(super) fn replay_scoped<'a>(&'a self, endpoint: Arc<Endpoint>, scoped: &'a Scoped) -> Replay<'a> {
        let scope = scoped.scope();
        let caller = match scope.as_tenant() {
            _ if scope.is_read_only() => Caller::ReadOnly,
            Some(_) => Caller::Owner,
            None => Caller::Operator,
        };
        Replay { known: Some(endpoint.clone()), caller, scoped: Some(scoped), ..self.replay(endpoint.id) }
    }
}

impl<'a> Replay<'a> {
    /// Selects every event that matches the endpoint and did not reach it. These are first the deliveries that [failed or were
    /// cancelled](Self::unfinished), unless another delivery of the event has arrived, and then the events that [never had a
    /// delivery](Self::never_owed) to it. Pending and held deliveries are not selected, because they are sent anyway. This is the default.
    pub const fn not_arrived(mut self) -> Self {
        self.selection = Selection::NotArrived;
        self
    }

    /// Selects the events that match the endpoint and never had a delivery to it: they were dispatched before the endpoint was created, or
    /// before its filter matched them. A second run sends nothing twice, unless it is [under fresh ids](Self::under_fresh_ids).
    pub const fn never_owed(mut self) -> Self {
        self.selection = Selection::NeverOwed;
        self
    }

    /// Selects every event that matches the endpoint, even if it was delivered before. Each event gets a new delivery.
    pub const fn all(mut self) -> Self {
        self.selection = Selection::All;
        self
    }

    /// Selects the deliveries that failed or were cancelled. Each is [resent](Sender::resend).
    pub const fn unfinished(mut self) -> Self {
        self.selection = Selection::Unfinished;
        self
    }

    /// Selects only events that were dispatched at this time or later.
    pub const fn from(mut self, from: Timestamp) -> Self {
        self.from = from;
        self
    }

    /// Selects only events that were dispatched before this time.
    pub const fn to(mut self, to: Timestamp) -> Self {
        self.to = to;
        self
    }

    /// Selects only events of these types.
    pub fn types(mut self, types: Pattern) -> Self {
        self.types = Some(types);
        self
    }

    /// Spreads the deliveries over time, so that new events do not wait behind the replayed ones.
    pub const fn at_most(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Sends copies under new ids, so that a receiver that deduplicates by id handles them again. By default the original ids are used, and
    /// a receiver ignores events that it has handled. A copy is for this endpoint only ([`Audience::Direct`]): no later replay selects it.
    /// This does not apply to [`unfinished`](Self::unfinished).
    pub const fn under_fresh_ids(mut self) -> Self {
        self.fresh_ids = true;
        self
    }

    /// Sends at most this number of deliveries.
    pub const fn limit(mut self, count: u64) -> Self {
        self.limit = count;
        self
    }

    /// Counts the deliveries that a run would make: a dry run.
    ///
    /// # Errors
    /// Returns [`EndpointError::NotFound`] if there is no such endpoint, and [`EndpointError::Store`] if the store fails.
    pub async fn count(&self) -> Result<u64, EndpointError> {
        self.execute(true).await
    }

    /// Makes the deliveries. When this returns, all of them are durable. Returns their number.
    ///
    /// # Errors
    /// Fails with the errors of [`count`](Self::count). A replay from a [`Scoped`](super::Scoped) fails with [`EndpointError::ReadOnly`] if
    /// the scope is read-only. A tenant's replay fails with [`EndpointError::ReplayRunning`] if another replay of the tenant is running,
    /// and with [`EndpointError::TooManyWaiting`] if the tenant has [too many pending
    /// deliveries](super::SenderBuilder::max_waiting_for_replay). Deliveries that were made before the error are kept.
    pub async fn run(self) -> Result<u64, EndpointError> {
        match (self.scoped, self.caller) {
            (_, Caller::ReadOnly) => Err(EndpointError::ReadOnly),
            (Some(scoped), _) => {
                let tenant = self.endpoint().await?.tenant.clone();
                let change = AuditedChange::new("endpoint.replay", &tenant, self.endpoint).detail(self.text());
                scoped.audited(change, self.run_now()).await
            }
            (None, _) => self.run_now().await,
        }
    }

    /// What is sent again, for the audit log.
    fn text(&self) -> String {
        let mut text = match self.selection {
            Selection::NotArrived => "not arrived",
            Selection::NeverOwed => "never owed",
            Selection::All => "all",
            Selection::Unfinished => "failed or cancelled",
        }
        .to_owned();
        if self.from.as_micros() > i64::MIN {
            text.push_str(&format!(", from {}", self.from));
        }
        if self.to < Timestamp::MAX {
            text.push_str(&format!(", to {}", self.to));
        }
        if let Some(types) = &self.types {
            text.push_str(&format!(", {types}"));
        }
        if self.limit < u64::MAX {
            text.push_str(&format!(", at most {}", self.limit));
        }
        if self.fresh_ids {
            text.push_str(", with new ids");
        }
        text
    }

    async fn run_now(mut self) -> Result<u64, EndpointError> {
        let _turn = match self.caller {
            Caller::Operator => None,
            Caller::Owner => Some(self.begin_for_owner().await?),
            Caller::ReadOnly => return Err(EndpointError::ReadOnly),
        };
        let count = self.execute(false).await?;
        self.sender.shared.engine.announce(self.endpoint.into(), self.sender.now());
        Ok(count)
    }

    /// Takes the tenant's turn, and limits the replay to the deliveries that may still be pending.
    async fn begin_for_owner(&mut self) -> Result<Turn<'a>, EndpointError> {
        let sender = self.sender;
        let tenant = self.endpoint().await?.tenant.clone();
        let turn = sender.shared.replays.begin(&tenant)?;
        self.limit = self.limit.min(self.free_backlog(&tenant).await?);
        Ok(turn)
    }

    /// Returns the endpoint that was read before, or reads it from the store.
    async fn endpoint(&self) -> Result<Arc<Endpoint>, EndpointError> {
        match &self.known {
            Some(endpoint) => Ok(endpoint.clone()),
            None => self.sender.endpoints().get(self.endpoint).await,
        }
    }

    /// Returns the number of further deliveries that may be pending for the owner.
    async fn free_backlog(&self, tenant: &Tenant) -> Result<u64, EndpointError> {
        let (store, most) = (&self.sender.shared.store, self.sender.shared.quotas.backlog);
        let of_tenant: Vec<_> = store.of_tenant(tenant).await?.iter().map(|endpoint| endpoint.id.into()).collect();
        let here = most.per_endpoint.saturating_sub(store.backlog(&[self.endpoint.into()], most.per_endpoint).await?);
        let all = most.per_tenant.saturating_sub(store.backlog(&of_tenant, most.per_tenant).await?);
        match here.min(all) {
            0 => Err(EndpointError::TooManyWaiting),
            free => Ok(free.into()),
        }
    }

    async fn execute(&self, dry: bool) -> Result<u64, EndpointError> {
        let endpoint = self.endpoint().await?;
        let mut count = 0;
        if matches!(self.selection, Selection::Unfinished | Selection::NotArrived) {
            count += self.resend(DeliveryState::Failed, count, dry).await?;
            count += self.resend(DeliveryState::Cancelled, count, dry).await?;
        }
        if self.selection != Selection::Unfinished {
            count += self.send_events(&endpoint, count, dry).await?;
        }
        Ok(count)
    }

    /// Makes deliveries for stored events, page by page. `before` is the number of deliveries that the replay has already made.
    async fn send_events(&self, endpoint: &Endpoint, before: u64, dry: bool) -> Result<u64, EndpointError> {
        let mut query =
            EventQuery::of(endpoint.tenant.clone()).audience(Audience::Subscribers).between(self.from, self.to);
        if self.selection != Selection::All {
            query = query.missing_at(self.endpoint);
        }
        let (mut count, mut page) = (0, Page::of(PAGE));
        // Events that are dispatched or copied during the replay are not part of it.
        query.to = query.to.min(self.sender.now() + Duration::from_micros(1));
        while before + count < self.limit {
            let found = self.sender.shared.store.events(&query, page).await?;
            let left = usize::try_from(self.limit - before - count).unwrap_or(usize::MAX);
            let wanted: Vec<_> = found.items.iter().filter(|event| self.matches(endpoint, event)).take(left).collect();
            count += if dry {
                wanted.len() as u64
            } else {
                self.create_deliveries(endpoint, &wanted, before + count).await?
            };
            let Some(next) = found.next else { break };
            page = page.after(next);
        }
        Ok(count)
    }

    fn matches(&self, endpoint: &Endpoint, event: &EventSummary) -> bool {
        let verdict = endpoint.verdict(&endpoint.tenant, &event.event_type);
        let of_type = self.types.as_ref().is_none_or(|types| types.matches(&event.event_type));
        of_type && matches!(verdict, Verdict::Receives | Verdict::Holds)
    }

    /// Returns the due time of the delivery with the number `place` of the replay.
    fn due(&self, now: Timestamp, place: u64) -> Timestamp {
        let step = self.rate.map_or(Duration::ZERO, |rate| rate.per / rate.count.get());
        now + step.saturating_mul(u32::try_from(place).unwrap_or(u32::MAX))
    }

    async fn create_deliveries(
        &self,
        endpoint: &Endpoint,
        events: &[&EventSummary],
        before: u64,
    ) -> Result<u64, EndpointError> {
        let now = self.sender.now();
        let create_deliveries = |(place, event): (u64, EventId)| AddDelivery {
            tenant: endpoint.tenant.clone(),
            event,
            delivery: DeliveryId::generate(now),
            lane: endpoint.id.into(),
            due: self.due(now, place),
            now,
        };
        let ids = self.ids(endpoint, events, now).await?;
        let owed =
            self.sender.shared.store.add_deliveries((before..).zip(ids).map(create_deliveries).collect()).await?;
        Ok(owed.into_iter().filter(|owed| *owed).count() as u64)
    }

    /// Returns the ids of the events, or the ids of copies under new ids. The copies are stored in one transaction.
    async fn ids(
        &self,
        of: &Endpoint,
        events: &[&EventSummary],
        now: Timestamp,
    ) -> Result<Vec<EventId>, EndpointError> {
        if !self.fresh_ids {
            return Ok(events.iter().map(|event| event.id.clone()).collect());
        }
        let store = &self.sender.shared.store;
        let mut copies = Vec::with_capacity(events.len());
        for event in events {
            if let Some(original) = store.event(Work::Sent, &of.tenant, &event.id).await? {
                let copy = Arc::new(original.with_new_id(now));
                copies.push(Append { event: copy, deliveries: Vec::new(), now });
            }
        }
        let ids: Vec<_> = copies.iter().map(|copy| copy.event.id.clone()).collect();
        let stored = store.append(copies).await?;
        Ok(ids.into_iter().zip(stored).filter(|(_, stored)| *stored == Appended::Stored).map(|(id, _)| id).collect())
    }

    /// Whether another delivery of the event has reached the endpoint or may still reach it.
    async fn arrived(&self, failed: &Delivery) -> Result<bool, EndpointError> {
        let mut query = DeliveryQuery::of(Work::Sent);
        (query.lane, query.event, query.tenant) =
            (Some(failed.lane), Some(failed.event.clone()), Some(failed.tenant.clone()));
        let everywhere = self.sender.scoped(Scope::operator());
        let others = everywhere.find_deliveries(&query, Page::of(PAGE)).await?;
        Ok(others.iter().any(|other| !matches!(other.state, DeliveryState::Failed | DeliveryState::Cancelled)))
    }

    /// Resends the deliveries in this state, page by page.
    async fn resend(&self, state: DeliveryState, before: u64, dry: bool) -> Result<u64, EndpointError> {
        let store = &self.sender.shared.store;
        let mut query = DeliveryQuery::of(Work::Sent);
        (query.lane, query.state) = (Some(self.endpoint.into()), Some(state));
        (query.from, query.to) = (Some(self.from), Some(self.to));
        let (mut count, mut page) = (0, Page::of(PAGE));
        while before + count < self.limit {
            let found = store.deliveries(&query, page).await?;
            let of_type = |event_type: &EventType| self.types.as_ref().is_none_or(|types| types.matches(event_type));
            let left = usize::try_from(self.limit - before - count).unwrap_or(usize::MAX);
            // A newer event has superseded such a delivery, and only the newer state is needed.
            let wanted =
                |delivery: &&Delivery| of_type(&delivery.event_type) && delivery.reason != Some(FailReason::Superseded);
            let mut ids = Vec::new();
            for delivery in found.items.iter().filter(wanted).take(left) {
                if self.selection != Selection::NotArrived || !self.arrived(delivery).await? {
                    ids.push(delivery.id);
                }
            }
            let now = self.sender.now();
            let places = ids.into_iter().zip(before + count..);
            let batch: Vec<_> = places.map(|(id, place)| (id, self.due(now, place))).collect();
            let resent = if dry { vec![true; batch.len()] } else { store.resend(Work::Sent, batch).await? };
            count += resent.into_iter().filter(|resent| *resent).count() as u64;
            let Some(next) = found.next else { break };
            page = page.after(next);
        }
        Ok(count)
    }
}
