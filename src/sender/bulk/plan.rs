//! What a replay or a bulk job does, and how far it is. Both are stored with a job.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::delivery::{Delivery, DeliveryState};
use crate::endpoint::Rate;
use crate::event::{EventType, Pattern};
use crate::id::{DeliveryId, EndpointId, EventId, LaneId, Tenant, Work};
use crate::outcome::OutcomeFilter;
use crate::retry::FailReason;
use crate::store::DeliveryQuery;

/// Which events a replay sends again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::sender) enum Selection {
    /// Events that did not arrive: their delivery failed, was cancelled or was never made.
    NotArrived,
    /// Events that never had a delivery to the endpoint: they were dispatched before it existed or matched them.
    NeverOwed,
    /// All events that match the endpoint.
    All,
    /// Events whose delivery failed or was cancelled.
    Unfinished,
}

/// What happens to each item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::sender) enum Action {
    /// Every delivery that matches the filter is sent again.
    Resend,
    /// Every delivery that matches the filter is cancelled.
    Cancel,
    /// Stored events are sent to the endpoint of the filter.
    Replay {
        selection: Selection,
        /// Copies are sent under new ids.
        fresh_ids: bool,
    },
}

impl Action {
    /// Whether the action sends events to the endpoint of its filter.
    pub(in crate::sender) const fn is_replay(self) -> bool {
        matches!(self, Self::Replay { .. })
    }

    /// The name in the audit log and in the status of a job.
    pub(in crate::sender) const fn name(self) -> &'static str {
        match self {
            Self::Resend => "delivery.resend_all",
            Self::Cancel => "delivery.cancel_all",
            Self::Replay { .. } => "endpoint.replay",
        }
    }
}

/// The stored form of a [`DeliveryQuery`] for sent deliveries. A field that a later version adds makes the record unreadable here, because
/// without it more deliveries would match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::sender) struct Filter {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::sender) tenant: Option<Tenant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::sender) event: Option<EventId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::sender) endpoint: Option<EndpointId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::sender) state: Option<DeliveryState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::sender) event_type: Option<EventType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::sender) from: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::sender) to: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", with = "outcome_name")]
    pub(in crate::sender) outcome: Option<OutcomeFilter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::sender) attempted_from: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::sender) attempted_to: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::sender) label: Option<(String, String)>,
}

/// Stores a filter for outcomes under its name.
mod outcome_name {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::outcome::OutcomeFilter;

    pub(super) fn serialize<S: Serializer>(filter: &Option<OutcomeFilter>, serializer: S) -> Result<S::Ok, S::Error> {
        match filter {
            Some(filter) => serializer.collect_str(filter),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<OutcomeFilter>, D::Error> {
        let name = Option::<String>::deserialize(deserializer)?;
        let parse =
            |name: String| OutcomeFilter::from_name(&name).ok_or_else(|| D::Error::custom("outcome: is unknown"));
        name.map(parse).transpose()
    }
}

impl Filter {
    /// Returns `None` if no sent delivery can match: the lane is a queue of an inbox.
    pub(in crate::sender) fn of(query: &DeliveryQuery) -> Option<Self> {
        let DeliveryQuery { work, tenant, event, lane, state, event_type, from, to, .. } = query.clone();
        let DeliveryQuery { outcome, attempted_from, attempted_to, label, .. } = query.clone();
        let endpoint = lane.and_then(|lane| lane.endpoint());
        if work != Work::Sent || lane.is_some() != endpoint.is_some() {
            return None;
        }
        let first = Self { tenant, event, endpoint, state, event_type, from, to, ..Self::default() };
        Some(Self { outcome, attempted_from, attempted_to, label, ..first })
    }

    /// The query for these deliveries.
    pub(in crate::sender) fn query(&self) -> DeliveryQuery {
        let Self { tenant, event, endpoint, state, event_type, from, to, .. } = self.clone();
        let Self { outcome, attempted_from, attempted_to, label, .. } = self.clone();
        let (work, lane) = (Work::Sent, endpoint.map(LaneId::from));
        DeliveryQuery {
            work,
            tenant,
            event,
            lane,
            state,
            event_type,
            from,
            to,
            outcome,
            attempted_from,
            attempted_to,
            label,
        }
    }
}

/// What a replay or a bulk job does. Stored like its [`Filter`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::sender) struct Plan {
    pub(in crate::sender) action: Action,
    pub(in crate::sender) filter: Filter,
    /// Only events of these types.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::sender) types: Option<Pattern>,
    /// Spreads deliveries over time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::sender) rate: Option<Rate>,
    /// The most changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::sender) limit: Option<u64>,
    /// One microsecond after the start. Deliveries and events that are made at this time or later are not part of the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::sender) started_at: Option<Timestamp>,
}

/// One list that a plan goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::sender) enum Part {
    /// The deliveries that match the filter.
    Matching,
    /// The failed deliveries of the endpoint.
    Failed,
    /// Its cancelled deliveries.
    Cancelled,
    /// Stored events.
    Events,
}

/// The next changes of a plan. A job stores a batch before it makes the changes. After a crash, another worker makes the same changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::sender) struct Batch {
    /// The list that was read.
    pub(in crate::sender) part: Part,
    /// The deliveries that are changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::sender) deliveries: Vec<DeliveryId>,
    /// The endpoints of the deliveries, which have new work afterwards.
    pub(in crate::sender) endpoints: Vec<EndpointId>,
    /// The events that get a delivery.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::sender) events: Vec<EventId>,
    /// The cursor behind the batch. `None`: the list ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::sender) next: Option<String>,
    /// The number of items that were looked at.
    pub(in crate::sender) examined: u64,
}

impl Batch {
    /// The number of changes.
    pub(in crate::sender) fn len(&self) -> usize {
        self.deliveries.len() + self.events.len()
    }
}

/// How far a plan is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::sender) struct Progress {
    /// The list that is read now. `None`: all is done.
    pub(in crate::sender) part: Option<Part>,
    /// The cursor in that list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::sender) after: Option<String>,
    /// The number of deliveries that were made or changed.
    pub(in crate::sender) changed: u64,
    /// The number of items that were looked at.
    pub(in crate::sender) examined: u64,
    /// When the next delivery is due, if the plan has a rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::sender) next_due: Option<Timestamp>,
}

impl Plan {
    /// A plan without limits.
    pub(in crate::sender) const fn new(action: Action, filter: Filter) -> Self {
        Self { action, filter, types: None, rate: None, limit: None, started_at: None }
    }

    /// The plan as it is carried out from `now` on: without deliveries and events that are made later, by itself or by others.
    pub(in crate::sender) fn starting_at(&self, now: Timestamp) -> Self {
        Self { started_at: Some(now + Duration::from_micros(1)), ..self.clone() }
    }

    /// The end of the time span of the plan. `None`: it has no end.
    pub(in crate::sender) fn end(&self) -> Option<Timestamp> {
        self.filter.to.into_iter().chain(self.started_at).min()
    }

    /// The progress of this plan before its first batch.
    pub(in crate::sender) fn start(&self) -> Progress {
        let part = match self.action {
            Action::Resend | Action::Cancel => Part::Matching,
            Action::Replay { selection: Selection::NotArrived | Selection::Unfinished, .. } => Part::Failed,
            Action::Replay { selection: Selection::NeverOwed | Selection::All, .. } => Part::Events,
        };
        let part = (self.limit != Some(0)).then_some(part);
        Progress { part, after: None, changed: 0, examined: 0, next_due: None }
    }

    /// The list after this one.
    const fn part_after(&self, part: Part) -> Option<Part> {
        match (part, self.action) {
            (Part::Failed, _) => Some(Part::Cancelled),
            (Part::Cancelled, Action::Replay { selection: Selection::NotArrived, .. }) => Some(Part::Events),
            _ => None,
        }
    }

    /// How many changes are still allowed.
    pub(in crate::sender) fn left(&self, progress: &Progress) -> u64 {
        self.limit.map_or(u64::MAX, |limit| limit.saturating_sub(progress.changed))
    }

    /// Records that `changed` changes of this batch were made at `now`, and moves the progress behind the batch.
    pub(in crate::sender) fn advance(&self, progress: &mut Progress, batch: &Batch, changed: usize, now: Timestamp) {
        progress.changed += changed as u64;
        progress.examined += batch.examined;
        if self.rate.is_some() {
            progress.next_due = self.due(progress, now).nth(changed);
        }
        progress.part = if batch.next.is_some() { Some(batch.part) } else { self.part_after(batch.part) };
        progress.after.clone_from(&batch.next);
        if self.left(progress) == 0 {
            progress.part = None;
        }
    }

    /// The due times of the next deliveries.
    pub(in crate::sender) fn due(
        &self,
        progress: &Progress,
        now: Timestamp,
    ) -> impl Iterator<Item = Timestamp> + use<> {
        let step = self.rate.map_or(Duration::ZERO, |rate| rate.per / rate.count.get());
        let first = progress.next_due.map_or(now, |at| at.max(now));
        std::iter::successors(Some(first), move |due| Some(*due + step))
    }

    /// The query for a list of deliveries.
    pub(in crate::sender) fn query(&self, part: Part) -> DeliveryQuery {
        let mut query = self.filter.query();
        query.to = self.end();
        match part {
            Part::Failed => query.state = Some(DeliveryState::Failed),
            Part::Cancelled => query.state = Some(DeliveryState::Cancelled),
            Part::Matching | Part::Events => {}
        }
        query
    }

    /// Whether the plan changes this delivery of its list, as far as the delivery itself shows.
    pub(in crate::sender) fn concerns(&self, delivery: &Delivery) -> bool {
        let is_owed = matches!(delivery.state, DeliveryState::Pending | DeliveryState::Held);
        match self.action {
            Action::Cancel => is_owed,
            // A newer event has superseded such a delivery, and only the newer state is needed.
            _ if delivery.reason == Some(FailReason::Superseded) => false,
            // A held delivery without a reason waits for its endpoint and is sent anyway.
            _ => self.has_type(&delivery.event_type) && (!is_owed || delivery.reason.is_some()),
        }
    }

    /// Whether events of this type are selected.
    pub(in crate::sender) fn has_type(&self, event_type: &EventType) -> bool {
        self.types.as_ref().is_none_or(|types| types.matches(event_type))
    }

    /// What the plan does, in words.
    pub(in crate::sender) fn text(&self) -> String {
        let Filter { tenant, event, endpoint, state, event_type, from, to, .. } = &self.filter;
        let Filter { outcome, attempted_from, attempted_to, label, .. } = &self.filter;
        let mut words = vec![match self.action {
            Action::Resend => "resend".to_owned(),
            Action::Cancel => "cancel".to_owned(),
            Action::Replay { selection: Selection::NotArrived, .. } => "not arrived".to_owned(),
            Action::Replay { selection: Selection::NeverOwed, .. } => "never owed".to_owned(),
            Action::Replay { selection: Selection::All, .. } => "all".to_owned(),
            Action::Replay { selection: Selection::Unfinished, .. } => "failed or cancelled".to_owned(),
        }];
        let is_replay = self.action.is_replay();
        words.extend(tenant.as_ref().filter(|_| !is_replay).map(|tenant| format!("tenant {tenant}")));
        words.extend(endpoint.filter(|_| !is_replay).map(|endpoint| format!("endpoint {endpoint}")));
        words.extend(event.as_ref().map(|event| format!("event {event}")));
        words.extend(state.map(|state| format!("state {}", state.as_str())));
        words.extend(event_type.as_ref().map(|event_type| format!("type {event_type}")));
        words.extend(from.map(|from| format!("from {from}")));
        words.extend(to.map(|to| format!("to {to}")));
        words.extend(outcome.map(|outcome| format!("last outcome {outcome}")));
        words.extend(attempted_from.map(|from| format!("attempted from {from}")));
        words.extend(attempted_to.map(|to| format!("attempted before {to}")));
        words.extend(label.as_ref().map(|(name, value)| format!("label {name}={value}")));
        words.extend(self.types.as_ref().map(ToString::to_string));
        words.extend(self.rate.map(|rate| format!("{} in {:?}", rate.count, rate.per)));
        words.extend(self.limit.map(|limit| format!("at most {limit}")));
        if matches!(self.action, Action::Replay { fresh_ids: true, .. }) {
            words.push("with new ids".to_owned());
        }
        words.join(", ")
    }
}
