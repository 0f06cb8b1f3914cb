//! The complete visible state of a store, as lines of text that can be compared with those of another store.

use super::given::{ok, tenant};
use crate::clock::Timestamp;
use crate::delivery::{Delivery, DeliveryState};
use crate::event::Audience;
use crate::id::{LaneId, Work};
use crate::outcome::OutcomeFilter;
use crate::retry::FailReason;
use crate::store::{DeliveryQuery, EventQuery, EventSummary, Page, Store};

/// When a delivery is due, as far as a caller can see.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Now,
    At(Timestamp),
}

impl Due {
    pub(super) fn of(at: Timestamp, now: Timestamp) -> Self {
        if at <= now { Self::Now } else { Self::At(at) }
    }
}

pub(super) async fn of(store: &dyn Store, tenants: &[&str], lanes: &[LaneId], now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    for work in [Work::Sent, Work::Received] {
        lines.extend(deliveries(store, work, now).await);
        let mut pending = ok(store.lanes(work, None, 99).await);
        pending.sort_by_key(|(lane, _)| *lane);
        // A store may list the lane of a removed or disabled endpoint or not.
        pending.retain(|(lane, _)| lane.queue().is_some());
        lines.extend(pending.iter().map(|(lane, due)| format!("{lane:?} is due {:?}", Due::of(*due, now))));
        lines.push(format!("{work:?}: {:?}", ok(store.counts(work, None).await)));
        for lane in lanes {
            lines.push(format!("{work:?} of {lane:?}: {:?}", ok(store.counts(work, Some(*lane)).await)));
        }
    }
    for name in tenants {
        lines.extend(of_tenant(store, name).await);
    }
    for endpoint in ok(store.list(None, None, 99).await) {
        let (id, version, state) = (endpoint.id, endpoint.version, endpoint.state);
        lines.push(format!("{id} v{version} {state:?} {:?} {:?}", endpoint.health, endpoint.flagged_at));
    }
    lines
}

async fn deliveries(store: &dyn Store, work: Work, now: Timestamp) -> Vec<String> {
    let query = DeliveryQuery { work, ..DeliveryQuery::default() };
    let mut lines = Vec::new();
    for delivery in ok(store.deliveries(&query, Page::of(10_000)).await).items {
        let attempts = ok(store.attempts(work, &[delivery.id]).await).concat();
        let event = ok(store.event(work, &delivery.tenant, &delivery.event).await);
        let payload = event.map(|event| event.payload.len());
        lines.push(format!("{} payload {payload:?} {attempts:?}", shown(&delivery, now)));
    }
    for name in ["2xx", "5xx", "local"] {
        let query = DeliveryQuery { outcome: OutcomeFilter::from_name(name), ..query.clone() };
        let found = ok(store.deliveries(&query, Page::of(10_000)).await).items;
        let ids: Vec<_> = found.iter().map(|delivery| delivery.id).collect();
        lines.push(format!("{work:?} with the last outcome {name}: {ids:?}"));
    }
    lines
}

/// The due time is compared only for pending deliveries. The time of a supersession is not specified: some calls that supersede have no
/// time.
fn shown(delivery: &Delivery, now: Timestamp) -> String {
    let due = (delivery.state == DeliveryState::Pending).then(|| Due::of(delivery.due, now));
    let Delivery { id, tenant, event, lane, state, attempts, finished_at, reason, .. } = delivery;
    let finished_at = finished_at.filter(|_| *reason != Some(FailReason::Superseded));
    format!("{id} {tenant} {event} {lane:?} {state:?} {attempts} {due:?} {finished_at:?} {reason:?}")
}

async fn of_tenant(store: &dyn Store, name: &str) -> Vec<String> {
    let of = tenant(name);
    let mut lines = Vec::new();
    for audience in [Audience::Subscribers, Audience::Inbox] {
        let found = ok(store.events(&EventQuery::of(name).audience(audience), Page::of(10_000)).await).items;
        let shown = |event: EventSummary| format!("{name}: {} {} {:?}", event.id, event.event_type, event.appended_at);
        lines.extend(found.into_iter().map(shown));
    }
    let endpoints: Vec<_> = ok(store.of_tenant(&of).await).iter().map(|endpoint| endpoint.id).collect();
    lines.push(format!("{name}: {endpoints:?}"));
    lines
}
