//! `/deliveries`.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::filter::{FilterDocument, State};
use super::page::{self, Asked, Listed};
use super::problem::{Code, Problem};
use super::read::{Id, Query};
use super::state::Manage;
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery, DeliveryState};
use crate::id::DeliveryId;
use crate::sender::DeliveryError;
use crate::store::DeliveryQuery;

pub(super) fn routes() -> OpenApiRouter<Manage> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(attempts))
        .routes(routes!(resend))
        .routes(routes!(cancel))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct List {
    /// The tenant. Without it, an operator gets the list of all tenants.
    #[param(min_length = 1, max_length = 128)]
    tenant: Option<String>,
    /// Only deliveries of this event.
    #[param(pattern = "^[A-Za-z0-9_-]{1,128}$")]
    event: Option<String>,
    /// Only deliveries to this endpoint.
    #[param(pattern = "^ep_[0-9a-f]{32}$")]
    endpoint: Option<String>,
    /// Only deliveries in this state.
    #[param(value_type = Option<State>)]
    state: Option<String>,
    /// Only deliveries of events of this type.
    #[serde(rename = "type")]
    #[param(pattern = r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", max_length = 128)]
    event_type: Option<String>,
    /// Created at this time or later.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Created before this time.
    #[param(format = DateTime)]
    to: Option<String>,
    /// Only deliveries with this outcome of the last attempt: a status (`503`), a class of statuses (`5xx`), `status` for any status, or
    /// an outcome without a status, as `outcome` of an attempt.
    #[param(example = "5xx")]
    outcome: Option<String>,
    /// Only deliveries to endpoints that have this label now: its name, `=`, and its value.
    #[param(pattern = "^[^=]+=", example = "plan=pro")]
    label: Option<String>,
    /// The last attempt began at this time or later.
    #[param(format = DateTime)]
    attempted_from: Option<String>,
    /// The last attempt began before this time.
    #[param(format = DateTime)]
    attempted_to: Option<String>,
    #[serde(default)]
    #[param(inline)]
    order: page::Order,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
    /// The `previous_cursor` of the next page: the page that ends directly before it, in the same order.
    before: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

impl List {
    fn query(&self, caller: &Caller) -> Result<DeliveryQuery, Problem> {
        let filter = FilterDocument {
            tenant: self.tenant.clone(),
            event: self.event.clone(),
            endpoint: self.endpoint.clone(),
            state: self.state.clone(),
            event_type: self.event_type.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            outcome: self.outcome.clone(),
            label: self.label.clone(),
            attempted_from: self.attempted_from.clone(),
            attempted_to: self.attempted_to.clone(),
        };
        filter.query(caller)
    }
}

/// The delivery of an event to an endpoint.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
struct DeliveryDocument {
    #[schema(pattern = "^dlv_[0-9a-f]{32}$")]
    id: String,
    tenant: String,
    event: String,
    #[serde(rename = "type")]
    event_type: String,
    endpoint: String,
    state: State,
    /// The number of attempts.
    attempts: u32,
    /// When the next attempt is due. `null` if there is no next attempt, or if an earlier delivery of the ordering key must end first.
    #[schema(format = DateTime)]
    next_attempt_at: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    finished_at: Option<String>,
    /// Why the delivery has failed or is held.
    reason: Option<String>,
}

impl DeliveryDocument {
    fn of(delivery: &Delivery) -> Self {
        let is_due = delivery.state == DeliveryState::Pending && delivery.due != Timestamp::MAX;
        Self {
            id: delivery.id.to_string(),
            tenant: delivery.tenant.to_string(),
            event: delivery.event.to_string(),
            event_type: delivery.event_type.to_string(),
            endpoint: delivery.lane.to_string(),
            state: delivery.state.into(),
            attempts: delivery.attempts,
            next_attempt_at: is_due.then(|| delivery.due.to_string()),
            created_at: delivery.created_at.to_string(),
            finished_at: delivery.finished_at.map(|at| at.to_string()),
            reason: delivery.reason.map(|reason| reason.as_str().into()),
        }
    }
}

/// One attempt of a delivery.
#[derive(Serialize, ToSchema)]
#[schema(as = Attempt)]
struct AttemptDocument {
    number: u32,
    #[schema(format = DateTime)]
    at: String,
    duration_ms: f64,
    /// `status`, or the reason why there was no status: `dns`, `connect`, `tls`, `timeout`, `reset`, `protocol`, `blocked`, `local`,
    /// `panic`.
    outcome: String,
    /// The HTTP status of the endpoint's response.
    status: Option<u16>,
    /// The beginning of the response body. It is untrusted text.
    excerpt: Option<String>,
}

impl AttemptDocument {
    fn of(attempt: &Attempt) -> Self {
        Self {
            number: attempt.number,
            at: attempt.at.to_string(),
            duration_ms: attempt.duration.as_secs_f64() * 1_000.0,
            outcome: attempt.outcome.class().into(),
            status: attempt.outcome.status(),
            excerpt: attempt.excerpt.as_deref().map(String::from),
        }
    }
}

/// The attempts of a delivery.
#[derive(Serialize, ToSchema)]
struct Attempts {
    items: Vec<AttemptDocument>,
}

/// List deliveries, newest first by default.
#[utoipa::path(get, operation_id = "list_deliveries", path = "/deliveries", tag = "deliveries", params(List), responses(
    (status = 200, description = "a page", body = Listed<DeliveryDocument>),
))]
async fn list(caller: Caller, Query(asked): Query<List>) -> Result<Json<Listed<DeliveryDocument>>, Problem> {
    let page = Asked::of(asked.order, (asked.cursor.as_deref(), asked.before.as_deref()), asked.limit)?;
    let found = caller.scoped.deliveries(asked.query(&caller)?, page.page()).await?;
    Ok(Json(Listed::found(page, found, |delivery| delivery.id, DeliveryDocument::of)))
}

/// Get a delivery.
#[utoipa::path(get, operation_id = "get_delivery", path = "/deliveries/{id}", tag = "deliveries", params(("id" = String, Path)), responses(
    (status = 200, description = "the delivery", body = DeliveryDocument),
))]
async fn get(caller: Caller, Id(id): Id<DeliveryId>) -> Result<Json<DeliveryDocument>, Problem> {
    shown(&caller, id).await
}

async fn shown(caller: &Caller, id: DeliveryId) -> Result<Json<DeliveryDocument>, Problem> {
    let delivery = caller.scoped.delivery(id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(DeliveryDocument::of(&delivery)))
}

/// List the attempts of a delivery, oldest first.
#[utoipa::path(get, operation_id = "list_attempts", path = "/deliveries/{id}/attempts", tag = "deliveries", params(("id" = String, Path)), responses(
    (status = 200, description = "all attempts", body = Attempts),
))]
async fn attempts(caller: Caller, Id(id): Id<DeliveryId>) -> Result<Json<Attempts>, Problem> {
    let attempts = caller.scoped.attempts(id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(Attempts { items: attempts.iter().map(AttemptDocument::of).collect() }))
}

/// Send a delivery again, with the same event id.
#[utoipa::path(post, operation_id = "resend_delivery", path = "/deliveries/{id}/resend", tag = "deliveries", params(("id" = String, Path)), responses(
    (status = 200, description = "the delivery, which is pending again", body = DeliveryDocument),
))]
async fn resend(caller: Caller, Id(id): Id<DeliveryId>) -> Result<Json<DeliveryDocument>, Problem> {
    match caller.scoped.resend(id).await {
        Ok(()) => shown(&caller, id).await,
        Err(DeliveryError::WrongState) => {
            Err(Problem::new(Code::WrongState, "the delivery is pending already, or its payload was deleted"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Cancel a delivery. An attempt in flight is not interrupted.
#[utoipa::path(post, operation_id = "cancel_delivery", path = "/deliveries/{id}/cancel", tag = "deliveries", params(("id" = String, Path)), responses(
    (status = 200, description = "cancelled", body = DeliveryDocument),
))]
async fn cancel(caller: Caller, Id(id): Id<DeliveryId>) -> Result<Json<DeliveryDocument>, Problem> {
    match caller.scoped.cancel(id).await {
        Ok(()) => shown(&caller, id).await,
        Err(DeliveryError::WrongState) => Err(Problem::new(Code::WrongState, "the delivery is final already")),
        Err(error) => Err(error.into()),
    }
}
