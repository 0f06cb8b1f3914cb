//! Sending again what is stored: to endpoints that came later, after a bad day, or all of it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Sender;
use super::endpoints::EndpointError;
use crate::clock::Timestamp;
use crate::delivery::{Delivery, DeliveryState};
use crate::endpoint::{Endpoint, Rate, Verdict};
use crate::event::{Audience, EventType, Pattern};
use crate::id::{DeliveryId, EndpointId, EventId, Tenant, Work};
use crate::retry::FailReason;
use crate::store::{Append, Appended, DeliveryQuery, EventQuery, EventSummary, Owe, Page};

/// Events or deliveries looked at in one call of the store.
const PAGE: u32 = 256;

/// Which events go out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// Those that did not arrive: never owed, failed or cancelled.
    NotArrived,
    /// Those of which the endpoint was never owed a delivery.
    NeverOwed,
    /// All that it wants.
    All,
    /// Those whose delivery failed or was cancelled.
    Unfinished,
}

/// How many deliveries may wait when an owner replays.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) of_endpoint: u32,
    pub(super) of_tenant: u32,
}

impl Default for Waiting {
    fn default() -> Self {
        Self { of_endpoint: 10_000, of_tenant: 100_000 }
    }
}

/// The tenants whose replays run in this process: of each one at a time.
#[derive(Debug, Default)]
pub(super) struct Running(Mutex<HashSet<Tenant>>);

/// A tenant's turn, given back when it is dropped.
struct Turn<'a> {
    running: &'a Running,
    tenant: Tenant,
}

impl Running {
    fn begin(&self, tenant: &Tenant) -> Result<Turn<'_>, EndpointError> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if running.insert(tenant.clone()) {
            Ok(Turn { running: self, tenant: tenant.clone() })
        } else {
            Err(EndpointError::ReplayRunning)
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.running.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.tenant);
    }
}

/// A replay in preparation, from [`Sender::replay`]. Nothing happens before [`run`](Self::run).
///
/// ```no_run
/// # async fn example(sender: hookwire::sender::Sender, endpoint: hookwire::id::EndpointId)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use hookwire::clock::Timestamp;
/// use hookwire::endpoint::Rate;
///
/// let yesterday = Timestamp::from(std::time::SystemTime::now()) - Duration::from_secs(86_400);
/// let replay = sender.replay(endpoint).from(yesterday);
/// println!("{} events would be sent", replay.count().await?);
/// replay.at_most(Rate { count: 10.try_into()?, per: Duration::from_secs(1) }).run().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Replay<'a> {
    sender: &'a Sender,
    endpoint: EndpointId,
    what: What,
    from: Timestamp,
    to: Timestamp,
    types: Option<Pattern>,
    rate: Option<Rate>,
    fresh_ids: bool,
    limit: u64,
    for_owner: bool,
}

impl Sender {
    /// Prepares to send stored events to an endpoint again; without further words, those that [did not arrive](Replay::not_arrived).
    pub const fn replay(&self, endpoint: EndpointId) -> Replay<'_> {
        let (from, to) = (Timestamp::from_micros(i64::MIN), Timestamp::MAX);
        let what = What::NotArrived;
        Replay {
            sender: self,
            endpoint,
            what,
            from,
            to,
            types: None,
            rate: None,
            fresh_ids: false,
            limit: u64::MAX,
            for_owner: false,
        }
    }
}

impl<'a> Replay<'a> {
    /// Everything that the endpoint wants and did not get: deliveries that [failed or were cancelled](Self::unfinished), of which no
    /// other delivery of the event has arrived, and then the events that it was [never owed](Self::never_owed). What is still pending
    /// or held is not touched: it is on its way. This is what happens where nothing else is said.
    pub const fn not_arrived(mut self) -> Self {
        self.what = What::NotArrived;
        self
    }

    /// Events that the endpoint wants and was never owed: dispatched before it was created, or before its filter said so.
    /// Running it twice sends nothing twice, unless it is [under fresh ids](Self::under_fresh_ids).
    pub const fn never_owed(mut self) -> Self {
        self.what = What::NeverOwed;
        self
    }

    /// Every event that the endpoint wants, whatever became of it before. A delivery each, made anew.
    pub const fn all(mut self) -> Self {
        self.what = What::All;
        self
    }

    /// Deliveries that failed or were cancelled: each is [resent](Sender::resend).
    pub const fn unfinished(mut self) -> Self {
        self.what = What::Unfinished;
        self
    }

    /// Only what was dispatched then or later.
    pub const fn from(mut self, from: Timestamp) -> Self {
        self.from = from;
        self
    }

    /// Only what was dispatched before then.
    pub const fn to(mut self, to: Timestamp) -> Self {
        self.to = to;
        self
    }

    /// Only events of these types.
    pub fn types(mut self, types: Pattern) -> Self {
        self.types = Some(types);
        self
    }

    /// Spreads the deliveries out, so that the endpoint's new events are not stuck behind its old ones.
    pub const fn at_most(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Sends copies under ids of their own, so that a receiver that remembers ids takes them for new events. Without this
    /// the ids are those of the first time, and a receiver that has handled an event ignores it. A copy is for this endpoint alone
    /// ([`Audience::Direct`]): no replay finds it again. Does not apply to [`unfinished`](Self::unfinished).
    pub const fn under_fresh_ids(mut self) -> Self {
        self.fresh_ids = true;
        self
    }

    /// No more than so many.
    pub const fn limit(mut self, count: u64) -> Self {
        self.limit = count;
        self
    }

    /// For the endpoint's owner: refused while too much waits already, and one at a time. See
    /// [`max_waiting_for_replay`](super::SenderBuilder::max_waiting_for_replay).
    pub(super) const fn for_owner(mut self) -> Self {
        self.for_owner = true;
        self
    }

    /// How many would be sent: a dry run.
    ///
    /// # Errors
    /// When there is no such endpoint, or the store is in trouble.
    pub async fn count(&self) -> Result<u64, EndpointError> {
        self.go(true).await
    }

    /// Sends. When this returns, all of it is durable; how many, is the answer.
    ///
    /// # Errors
    /// As [`count`](Self::count). What was made pending before the error stays so.
    pub async fn run(mut self) -> Result<u64, EndpointError> {
        let _turn = if self.for_owner { Some(self.begin_for_owner().await?) } else { None };
        let count = self.go(false).await?;
        self.sender.shared.engine.announce(self.endpoint.into(), self.sender.now());
        Ok(count)
    }

    /// Takes the tenant's turn, and limits the replay to what there is room for.
    async fn begin_for_owner(&mut self) -> Result<Turn<'a>, EndpointError> {
        let sender = self.sender;
        let tenant = sender.endpoints().get(self.endpoint).await?.tenant.clone();
        let turn = sender.shared.replays.begin(&tenant)?;
        self.limit = self.limit.min(self.room(&tenant).await?);
        Ok(turn)
    }

    /// How many more deliveries may wait.
    async fn room(&self, tenant: &Tenant) -> Result<u64, EndpointError> {
        let (store, most) = (&self.sender.shared.store, self.sender.shared.limits.waiting);
        let of_tenant: Vec<_> = store.of_tenant(tenant).await?.iter().map(|endpoint| endpoint.id.into()).collect();
        let here = most.of_endpoint.saturating_sub(store.waiting(&[self.endpoint.into()], most.of_endpoint).await?);
        let all = most.of_tenant.saturating_sub(store.waiting(&of_tenant, most.of_tenant).await?);
        match here.min(all) {
            0 => Err(EndpointError::TooManyWaiting),
            room => Ok(room.into()),
        }
    }

    async fn go(&self, dry: bool) -> Result<u64, EndpointError> {
        let endpoint = self.sender.endpoints().get(self.endpoint).await?;
        let mut count = 0;
        if matches!(self.what, What::Unfinished | What::NotArrived) {
            count += self.resend(DeliveryState::Failed, count, dry).await?;
            count += self.resend(DeliveryState::Cancelled, count, dry).await?;
        }
        if self.what != What::Unfinished {
            count += self.send_events(&endpoint, count, dry).await?;
        }
        Ok(count)
    }

    /// Owes events to the endpoint, page by page, after so many others.
    async fn send_events(&self, endpoint: &Endpoint, before: u64, dry: bool) -> Result<u64, EndpointError> {
        let mut query =
            EventQuery::of(endpoint.tenant.clone()).audience(Audience::Subscribers).between(self.from, self.to);
        if self.what != What::All {
            query = query.missing_at(self.endpoint);
        }
        let (mut count, mut page) = (0, Page::of(PAGE));
        // What is dispatched, or copied, while this runs is not part of it.
        query.to = query.to.min(self.sender.now() + Duration::from_micros(1));
        while before + count < self.limit {
            let found = self.sender.shared.store.events(&query, page).await?;
            let Some(last) = found.last() else { break };
            page = page.after(last.cursor);
            let left = usize::try_from(self.limit - before - count).unwrap_or(usize::MAX);
            let wanted: Vec<_> = found.iter().filter(|event| self.wants(endpoint, event)).take(left).collect();
            count += if dry { wanted.len() as u64 } else { self.owe(endpoint, &wanted, before + count).await? };
        }
        Ok(count)
    }

    fn wants(&self, endpoint: &Endpoint, event: &EventSummary) -> bool {
        let verdict = endpoint.verdict(&endpoint.tenant, &event.event_type);
        let of_type = self.types.as_ref().is_none_or(|types| types.matches(&event.event_type));
        of_type && matches!(verdict, Verdict::Receives | Verdict::Holds)
    }

    /// When number `place` of the replay is due.
    fn due(&self, now: Timestamp, place: u64) -> Timestamp {
        let step = self.rate.map_or(Duration::ZERO, |rate| rate.per / rate.count.get());
        now + step.saturating_mul(u32::try_from(place).unwrap_or(u32::MAX))
    }

    async fn owe(&self, endpoint: &Endpoint, events: &[&EventSummary], before: u64) -> Result<u64, EndpointError> {
        let now = self.sender.now();
        let owe = |(place, event): (u64, EventId)| Owe {
            tenant: endpoint.tenant.clone(),
            event,
            delivery: DeliveryId::generate(now),
            lane: endpoint.id.into(),
            due: self.due(now, place),
            now,
        };
        let ids = self.ids(endpoint, events, now).await?;
        let owed = self.sender.shared.store.owe((before..).zip(ids).map(owe).collect()).await?;
        Ok(owed.into_iter().filter(|owed| *owed).count() as u64)
    }

    /// The events themselves, or copies under ids of their own, all of them stored in one transaction.
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
                let copy = Arc::new(original.under_fresh_id(now));
                copies.push(Append { event: copy, deliveries: Vec::new(), now });
            }
        }
        let ids: Vec<_> = copies.iter().map(|copy| copy.event.id.clone()).collect();
        let stored = store.append(copies).await?;
        Ok(ids.into_iter().zip(stored).filter(|(_, stored)| *stored == Appended::Stored).map(|(id, _)| id).collect())
    }

    /// Whether the event has reached the endpoint, or is on its way to it, by another delivery.
    async fn arrived(&self, failed: &Delivery) -> Result<bool, EndpointError> {
        let mut query = DeliveryQuery::of(Work::Sent);
        (query.lane, query.event, query.tenant) =
            (Some(failed.lane), Some(failed.event.clone()), Some(failed.tenant.clone()));
        let others = self.sender.shared.store.deliveries(&query, Page::of(PAGE)).await?;
        Ok(others.iter().any(|other| !matches!(other.state, DeliveryState::Failed | DeliveryState::Cancelled)))
    }

    /// Resends what is in this state, page by page.
    async fn resend(&self, state: DeliveryState, before: u64, dry: bool) -> Result<u64, EndpointError> {
        let store = &self.sender.shared.store;
        let mut query = DeliveryQuery::of(Work::Sent);
        (query.lane, query.state) = (Some(self.endpoint.into()), Some(state));
        (query.from, query.to) = (Some(self.from), Some(self.to));
        let (mut count, mut page) = (0, Page::of(PAGE));
        while before + count < self.limit {
            let found = store.deliveries(&query, page).await?;
            let Some(last) = found.last() else { break };
            page = page.after(last.id);
            let of_type = |event_type: &EventType| self.types.as_ref().is_none_or(|types| types.matches(event_type));
            let left = usize::try_from(self.limit - before - count).unwrap_or(usize::MAX);
            // What a newer event has taken the place of is not worth sending.
            let wanted =
                |delivery: &&Delivery| of_type(&delivery.event_type) && delivery.reason != Some(FailReason::Superseded);
            let mut ids = Vec::new();
            for delivery in found.iter().filter(wanted).take(left) {
                if self.what != What::NotArrived || !self.arrived(delivery).await? {
                    ids.push(delivery.id);
                }
            }
            let now = self.sender.now();
            let places = ids.into_iter().zip(before + count..);
            let batch: Vec<_> = places.map(|(id, place)| (id, self.due(now, place))).collect();
            let resent = if dry { vec![true; batch.len()] } else { store.resend(Work::Sent, batch).await? };
            count += resent.into_iter().filter(|resent| *resent).count() as u64;
        }
        Ok(count)
    }
}
