//! The filter of lists and jobs: which deliveries.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::Caller;
use super::problem::Problem;
use super::read::{maybe, word};
use crate::delivery::DeliveryState;
use crate::id::{EndpointId, LaneId, Work};
use crate::store::DeliveryQuery;
use crate::store::query_text::{label_of, outcome_of};

/// Which deliveries: those that meet every condition. Without a condition, all of them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeliveryFilter)]
pub(super) struct FilterDocument {
    /// The tenant. Without it, an operator gets the deliveries of all tenants.
    #[schema(min_length = 1, max_length = 128)]
    pub(super) tenant: Option<String>,
    /// Only deliveries of this event.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,128}$")]
    pub(super) event: Option<String>,
    /// Only deliveries to this endpoint.
    #[schema(pattern = "^ep_[0-9a-f]{32}$")]
    pub(super) endpoint: Option<String>,
    /// Only deliveries in this state.
    #[schema(value_type = Option<State>)]
    pub(super) state: Option<String>,
    /// Only deliveries of events of this type.
    #[serde(rename = "type")]
    #[schema(pattern = r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", max_length = 128)]
    pub(super) event_type: Option<String>,
    /// Created at this time or later.
    #[schema(format = DateTime)]
    pub(super) from: Option<String>,
    /// Created before this time.
    #[schema(format = DateTime)]
    pub(super) to: Option<String>,
    /// Only deliveries with this outcome of the last attempt: a status (`503`), a class of statuses (`5xx`), `status` for any status, or
    /// an outcome without a status, as `outcome` of an attempt.
    #[schema(example = "5xx")]
    pub(super) outcome: Option<String>,
    /// Only deliveries to endpoints that have this label now: its name, `=`, and its value.
    #[schema(pattern = "^[^=]+=", max_length = 4_161, example = "plan=pro")]
    pub(super) label: Option<String>,
    /// The last attempt began at this time or later.
    #[schema(format = DateTime)]
    pub(super) attempted_from: Option<String>,
    /// The last attempt began before this time.
    #[schema(format = DateTime)]
    pub(super) attempted_to: Option<String>,
}

impl FilterDocument {
    pub(super) fn query(self, caller: &Caller) -> Result<DeliveryQuery, Problem> {
        let (outcome, label) = (self.outcome.as_deref().map(outcome_of), self.label.as_deref().map(label_of));
        Ok(DeliveryQuery {
            work: Work::Sent,
            tenant: caller.tenant(self.tenant)?,
            event: maybe("event", self.event.as_deref())?,
            lane: maybe::<EndpointId>("endpoint", self.endpoint.as_deref())?.map(LaneId::from),
            state: self.state.map(|text| word("state", &text)).transpose()?,
            event_type: maybe("type", self.event_type.as_deref())?,
            from: maybe("from", self.from.as_deref())?,
            to: maybe("to", self.to.as_deref())?,
            outcome: outcome.transpose().map_err(|error| Problem::invalid("outcome", error))?,
            attempted_from: maybe("attempted_from", self.attempted_from.as_deref())?,
            attempted_to: maybe("attempted_to", self.attempted_to.as_deref())?,
            label: label.transpose().map_err(|error| Problem::invalid("label", error))?,
        })
    }
}

/// The state of a delivery. `held`: its endpoint is disabled, or a person must decide.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DeliveryState)]
pub(super) enum State {
    Pending,
    Delivered,
    Failed,
    Held,
    Cancelled,
}

impl From<DeliveryState> for State {
    fn from(state: DeliveryState) -> Self {
        match state {
            DeliveryState::Pending => Self::Pending,
            DeliveryState::Delivered => Self::Delivered,
            DeliveryState::Failed => Self::Failed,
            DeliveryState::Held => Self::Held,
            DeliveryState::Cancelled => Self::Cancelled,
        }
    }
}
