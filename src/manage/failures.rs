//! `/failures`.

use std::time::Duration;

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::page;
use super::problem::Problem;
use super::read::{Query, maybe};
use super::state::Manage;
use crate::clock::Timestamp;
use crate::outcome::Outcome;
use crate::store::{FailureGroup, FailureQuery};

/// The span of a list without `from`.
const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn routes() -> OpenApiRouter<Manage> {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct List {
    /// The tenant. Without it, an operator gets the failures of all tenants.
    #[param(min_length = 1, max_length = 128)]
    tenant: Option<String>,
    /// Only failures at this endpoint.
    #[param(pattern = "^ep_[0-9a-f]{32}$")]
    endpoint: Option<String>,
    /// Only hours that begin at this time or later. By default a day before `to`, and at the latest a day before now.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Only hours that begin before this time. By default now. Of more than 90 days, only the last 90 are searched.
    #[param(format = DateTime)]
    to: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// Deliveries to one endpoint that failed finally, with the same outcome, for the same reason and with responses of the same shape. The
/// shape is the beginning of the response, without numbers and ids.
#[derive(Serialize, ToSchema)]
#[schema(as = FailureGroup)]
struct FailureDocument {
    #[schema(pattern = "^ep_[0-9a-f]{32}$")]
    endpoint: String,
    /// `null` only if the endpoint was never stored.
    tenant: Option<String>,
    /// The outcome of the last attempts, as in an attempt. `null` if the deliveries were given up without another attempt, or if the group
    /// has all failures without a group of their own: an endpoint has a limited number of groups in one hour.
    outcome: Option<String>,
    /// The HTTP status of the responses.
    status: Option<u16>,
    /// Why the deliveries were given up. `null` if the group has all failures without a group of their own.
    reason: Option<String>,
    /// The number of failures. A delivery that was resent and failed again counts twice.
    count: u64,
    /// When the first of them failed.
    #[schema(format = DateTime)]
    first_at: String,
    /// When the last of them failed.
    #[schema(format = DateTime)]
    last_at: String,
    /// When the oldest of them was created.
    #[schema(format = DateTime)]
    oldest_created_at: String,
    /// When the newest of them was created.
    #[schema(format = DateTime)]
    newest_created_at: String,
    /// The delivery that failed last. It may have been deleted.
    #[schema(pattern = "^dlv_[0-9a-f]{32}$")]
    sample: String,
}

impl FailureDocument {
    fn of(group: &FailureGroup) -> Self {
        Self {
            endpoint: group.endpoint.to_string(),
            tenant: group.tenant.as_ref().map(ToString::to_string),
            outcome: group.kind.outcome.map(|outcome| outcome.class().into()),
            status: group.kind.outcome.and_then(Outcome::status),
            reason: group.kind.reason.map(|reason| reason.as_str().into()),
            count: group.count,
            first_at: group.first.to_string(),
            last_at: group.last.to_string(),
            oldest_created_at: group.oldest.to_string(),
            newest_created_at: group.newest.to_string(),
            sample: group.sample.to_string(),
        }
    }
}

/// Groups of failures, the largest first.
#[derive(Serialize, ToSchema)]
struct Failures {
    items: Vec<FailureDocument>,
    /// Every failure in the hours that begin at this time or later is counted. It is later than requested if there are too many failures
    /// for one call, or if more than 90 days are requested: then older failures are counted in part, or not at all.
    #[schema(format = DateTime)]
    from: String,
}

/// List what failed finally, in groups: a broken release of an endpoint is one group. New failures appear after some seconds, at most
/// a minute.
#[utoipa::path(get, operation_id = "list_failures", path = "/failures", tag = "rollups", params(List), responses(
    (status = 200, description = "the largest groups", body = Failures),
))]
async fn list(caller: Caller, Query(asked): Query<List>) -> Result<Json<Failures>, Problem> {
    let now = caller.scoped.now();
    let to: Timestamp = maybe("to", asked.to.as_deref())?.unwrap_or(now);
    let from = maybe("from", asked.from.as_deref())?.unwrap_or(to.min(now) - DAY);
    let mut query = FailureQuery::between(from, to);
    query.tenant = caller.tenant(asked.tenant)?;
    query.endpoint = maybe("endpoint", asked.endpoint.as_deref())?;
    query.limit = page::limit(asked.limit)?;
    let found = caller.scoped.failures(query).await?;
    Ok(Json(Failures { items: found.groups.iter().map(FailureDocument::of).collect(), from: found.from.to_string() }))
}
