//! Copies deliveries that are not final from one store to another.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;

use crate::clock::Timestamp;
use crate::delivery::{Delivery, DeliveryState, Lease, NewDelivery, Settlement};
use crate::event::Event;
use crate::id::{EventId, Tenant, Work};
use crate::retry::Decision;
use crate::sender::{Sender, SendersError};
use crate::store::{AddDelivery, Append, Appended, DeliveryQuery, Page, StoreError, StoreErrorKind};

/// The number of deliveries that are read at once.
const PAGE: u32 = 200;

/// How long a copied delivery is leased to the copying call, at most.
const LEASE: Duration = Duration::from_secs(60);

fn query(tenant: &Tenant, state: DeliveryState) -> DeliveryQuery {
    let mut query = DeliveryQuery::of(Work::Sent);
    (query.tenant, query.state) = (Some(tenant.clone()), Some(state));
    query
}

/// Copies the deliveries of a tenant that are held and were made before `made_before`, oldest first, and cancels them in the former store:
/// its endpoints are disabled there. `check` fails when another call has taken over. Returns the number of deliveries.
pub(super) async fn carry<F>(
    (from, to): (&Sender, &Sender),
    tenant: &Tenant,
    made_before: Option<Timestamp>,
    check: impl Fn() -> F,
) -> Result<usize, SendersError>
where
    F: Future<Output = Result<(), SendersError>>,
{
    let mut query = query(tenant, DeliveryState::Held);
    query.to = made_before;
    let (mut after, mut count) = (None, 0);
    loop {
        let page = from.shared.store.deliveries(&query, Page::of(PAGE).after(after)).await?;
        count += page.items.len();
        let mut seen = HashSet::new();
        let events: Vec<_> = page.items.iter().map(|one| &one.event).filter(|event| seen.insert(*event)).collect();
        if !events.is_empty() {
            check().await?;
            carry_events(from, to, tenant, &events).await?;
        }
        let Some(next) = page.next else { return Ok(count) };
        after = Some(next);
    }
}

/// Fails if the tenant has a delivery that is not held although its endpoints are disabled: this process does not see the endpoint.
pub(super) async fn check_nothing_pending(from: &Sender, tenant: &Tenant) -> Result<(), SendersError> {
    let query = query(tenant, DeliveryState::Pending);
    let mut after = None;
    loop {
        let page = from.shared.store.deliveries(&query, Page::of(1).after(after)).await?;
        if let Some(pending) = page.items.first() {
            return Err(SendersError::Unreadable(pending.lane));
        }
        let Some(next) = page.next else { return Ok(()) };
        after = Some(next);
    }
}

/// Copies all held deliveries of each event together, so that none comes after the event was deleted, and cancels them in the former store.
pub(super) async fn carry_events(
    from: &Sender,
    to: &Sender,
    tenant: &Tenant,
    events: &[&EventId],
) -> Result<(), SendersError> {
    let held = try_join_all(events.iter().map(|event| held_of(from, tenant, event))).await?;
    let held = held.concat();
    copy(from, to, &held).await?;
    let ids: Vec<_> = held.iter().map(|delivery| delivery.id).collect();
    if !ids.is_empty() {
        from.shared.store.cancel(Work::Sent, ids, from.now()).await?;
    }
    Ok(())
}

async fn held_of(from: &Sender, tenant: &Tenant, event: &EventId) -> Result<Vec<Delivery>, StoreError> {
    let mut query = query(tenant, DeliveryState::Held);
    query.event = Some(event.clone());
    let (mut held, mut after) = (Vec::new(), None);
    loop {
        let page = from.shared.store.deliveries(&query, Page::of(PAGE).after(after)).await?;
        held.extend(page.items);
        let Some(next) = page.next else { return Ok(held) };
        after = Some(next);
    }
}

/// An event, and its deliveries that the new store does not have.
struct Missing<'a> {
    event: Arc<Event>,
    deliveries: &'a [&'a Delivery],
}

/// Copies deliveries, those of one event after another. Those that are there already, from a call that was cut off, are left alone, except
/// those that an earlier move has taken away: they are pending again.
async fn copy(from: &Sender, to: &Sender, held: &[Delivery]) -> Result<(), SendersError> {
    let now = to.now();
    let (mut missing, mut returning) = (Vec::new(), Vec::new());
    let there = held.iter().map(|delivery| to.shared.store.delivery(Work::Sent, delivery.id));
    for (delivery, there) in held.iter().zip(try_join_all(there).await?) {
        match there {
            None => missing.push(delivery),
            Some(there) if there.state == DeliveryState::Cancelled && there.reason.is_none() => {
                returning.push(delivery);
            }
            Some(_) => {}
        }
    }
    bring_back(to, &returning, now).await?;
    let by_event = missing.chunk_by(|one, next| one.event == next.event);
    append(to, &try_join_all(by_event.map(|deliveries| read(from, deliveries))).await?, now).await?;
    held.iter().for_each(|delivery| to.shared.engine.announce(delivery.lane, now));
    Ok(())
}

async fn read<'a>(from: &Sender, deliveries: &'a [&'a Delivery]) -> Result<Missing<'a>, StoreError> {
    let unreadable = || StoreError::new(StoreErrorKind::Corrupt);
    let first = deliveries.first().ok_or_else(unreadable)?;
    let event = from.shared.store.event(Work::Sent, &first.tenant, &first.event).await?.ok_or_else(unreadable)?;
    Ok(Missing { event, deliveries })
}

async fn bring_back(to: &Sender, deliveries: &[&Delivery], now: Timestamp) -> Result<(), SendersError> {
    if deliveries.is_empty() {
        return Ok(());
    }
    let batch = deliveries.iter().map(|delivery| (delivery.id, due(delivery, now))).collect();
    let resent = to.shared.store.resend(Work::Sent, batch).await?;
    let refused = deliveries.iter().zip(resent).find(|(_, resent)| !resent);
    refused.map_or(Ok(()), |(delivery, _)| Err(SendersError::IdConflict(delivery.event.clone())))
}

async fn append(to: &Sender, missing: &[Missing<'_>], now: Timestamp) -> Result<(), SendersError> {
    if missing.is_empty() {
        return Ok(());
    }
    let append = |one: &Missing<'_>| Append {
        event: one.event.clone(),
        deliveries: one.deliveries.iter().map(|delivery| new_delivery(delivery, &one.event, now)).collect(),
        now,
    };
    let appended = to.shared.store.append(missing.iter().map(append).collect()).await?;
    let (mut waiting, mut known) = (Vec::new(), Vec::new());
    for (one, appended) in missing.iter().zip(appended) {
        match appended {
            Appended::Stored => {
                waiting.extend(one.deliveries.iter().filter(|delivery| waits(delivery, &one.event, now)));
            }
            Appended::Duplicate => known.extend(one.deliveries),
            Appended::Conflict => return Err(SendersError::IdConflict(one.event.id.clone())),
        }
    }
    keep_times(to, &waiting, now).await?;
    add(to, &known, now).await
}

fn due(delivery: &Delivery, now: Timestamp) -> Timestamp {
    if delivery.due == Timestamp::MAX { now } else { delivery.due }
}

/// Whether the delivery must not be sent at once. Ordered deliveries are: a store leases none of them when it appends them.
fn waits(delivery: &Delivery, event: &Event, now: Timestamp) -> bool {
    event.order.is_none() && (delivery.reason.is_some() || due(delivery, now) > now)
}

/// A delivery that waits is leased at first, so that its time can be set.
fn new_delivery(delivery: &Delivery, event: &Event, now: Timestamp) -> NewDelivery {
    let leased_until = waits(delivery, event, now).then(|| now + LEASE);
    NewDelivery { id: delivery.id, lane: delivery.lane, leased_until }
}

/// Sets the times of deliveries that wait. If this fails, they are sent after their leases, which is too early but not wrong.
async fn keep_times(to: &Sender, waiting: &[&&Delivery], now: Timestamp) -> Result<(), StoreError> {
    if waiting.is_empty() {
        return Ok(());
    }
    let settle = |delivery: &&&Delivery| {
        let hold = |reason| Decision::Hold { reason };
        // No attempt was made, so none counts. A count without a record would look like an attempt that is running.
        let wait = || Decision::RetryUncounted { at: delivery.due };
        let decision = delivery.reason.map_or_else(wait, hold);
        let lease = Lease { delivery: delivery.id, fence: 1 };
        let (lane, paused_until) = (delivery.lane, None);
        Settlement { lease, lane, ordered: false, attempt: None, decision, paused_until, at: now }
    };
    to.shared.store.settle(waiting.iter().map(settle).collect()).await.map(drop)
}

/// Adds deliveries to events that the store has already.
async fn add(to: &Sender, known: &[&&Delivery], now: Timestamp) -> Result<(), SendersError> {
    if known.is_empty() {
        return Ok(());
    }
    let add = |delivery: &&&Delivery| AddDelivery {
        tenant: delivery.tenant.clone(),
        event: delivery.event.clone(),
        delivery: delivery.id,
        lane: delivery.lane,
        due: due(delivery, now),
        now,
    };
    let added = to.shared.store.add_deliveries(known.iter().map(add).collect()).await?;
    // `false` for a removed endpoint is right; for an event that the store has deleted it would lose the delivery.
    for (delivery, _) in known.iter().zip(added).filter(|(_, added)| !added) {
        if let Some(endpoint) = delivery.endpoint()
            && to.shared.store.get(endpoint).await?.is_some()
        {
            return Err(SendersError::IdConflict(delivery.event.clone()));
        }
    }
    Ok(())
}
