//! `/rollups`.

use std::time::Duration;

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::problem::Problem;
use super::read::{Query, maybe};
use super::state::Manage;
use crate::clock::Timestamp;
use crate::id::{EndpointId, Tenant};
use crate::sender::EndpointError;
use crate::store::{Rollup, RollupStep};

/// The span of a list without `from`.
const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn routes() -> OpenApiRouter<Manage> {
    OpenApiRouter::new().routes(routes!(list))
}

/// The length of time that one rollup covers.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Step {
    /// Kept for 48 hours.
    Minute,
    /// Kept for 90 days.
    #[default]
    Hour,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct List {
    /// The tenant. Without it, an operator gets the numbers of all tenants.
    #[param(min_length = 1, max_length = 128)]
    tenant: Option<String>,
    /// Only attempts at this endpoint.
    #[param(pattern = "^ep_[0-9a-f]{32}$")]
    endpoint: Option<String>,
    #[serde(default)]
    #[param(inline)]
    step: Step,
    /// Only minutes or hours that begin at this time or later. By default a day before `to`.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Only minutes or hours that begin before this time. By default now.
    #[param(format = DateTime)]
    to: Option<String>,
}

/// What happened in one minute or hour. Each attempt is counted in exactly one of `succeeded`, `client_errors`, `server_errors`, `timeouts`,
/// `unreachable` and `other`.
#[derive(Serialize, ToSchema)]
#[schema(as = Rollup)]
struct RollupDocument {
    /// The beginning of the minute or hour.
    #[schema(format = DateTime)]
    at: String,
    /// Deliveries that were delivered.
    delivered: u64,
    /// Deliveries that failed finally.
    failed: u64,
    /// Attempts with a status from 200 to 299.
    succeeded: u64,
    /// Attempts with another status below 500.
    client_errors: u64,
    /// Attempts with a status of 500 or more.
    server_errors: u64,
    /// Attempts that got no response in time.
    timeouts: u64,
    /// Attempts for which the name, the connection, TLS or HTTP failed.
    unreachable: u64,
    /// Attempts that the egress guard refused or that failed on the side of the sender.
    other: u64,
    /// The duration that half of the attempts did not exceed, rounded up.
    median_ms: Option<u64>,
    /// The duration that 99 % of the attempts did not exceed, rounded up.
    p99_ms: Option<u64>,
}

impl RollupDocument {
    fn of(rollup: &Rollup) -> Self {
        let duration = |share| rollup.duration_at(share).and_then(|limit| u64::try_from(limit.as_millis()).ok());
        Self {
            at: rollup.at.to_string(),
            delivered: rollup.delivered,
            failed: rollup.failed,
            succeeded: rollup.succeeded,
            client_errors: rollup.client_errors,
            server_errors: rollup.server_errors,
            timeouts: rollup.timeouts,
            unreachable: rollup.unreachable,
            other: rollup.other,
            median_ms: duration(0.5),
            p99_ms: duration(0.99),
        }
    }
}

/// Minutes or hours, sorted by time.
#[derive(Serialize, ToSchema)]
struct Rollups {
    items: Vec<RollupDocument>,
}

/// List the numbers of each minute or hour. Those without attempts are left out. New attempts appear after some seconds.
#[utoipa::path(get, operation_id = "list_rollups", path = "/rollups", tag = "rollups", params(List), responses(
    (status = 200, description = "the numbers", body = Rollups),
))]
async fn list(caller: Caller, Query(asked): Query<List>) -> Result<Json<Rollups>, Problem> {
    let tenant: Option<Tenant> = caller.tenant(asked.tenant)?;
    let endpoint: Option<EndpointId> = maybe("endpoint", asked.endpoint.as_deref())?;
    let to: Timestamp = maybe("to", asked.to.as_deref())?.unwrap_or_else(|| caller.scoped.now());
    let from = maybe("from", asked.from.as_deref())?.unwrap_or(to - DAY);
    let step = match asked.step {
        Step::Minute => RollupStep::Minute,
        Step::Hour => RollupStep::Hour,
    };
    let found = match endpoint {
        None => caller.scoped.rollups(tenant.as_ref(), step, from, to).await?,
        Some(id) => {
            let endpoint = match caller.scoped.endpoint(id).await {
                Err(EndpointError::NotFound) => return Ok(Json(Rollups { items: Vec::new() })),
                found => found?,
            };
            if tenant.is_some_and(|tenant| tenant != endpoint.tenant) {
                return Ok(Json(Rollups { items: Vec::new() }));
            }
            caller.scoped.endpoint_rollups(&[&endpoint], step, from, to).await?.concat()
        }
    };
    Ok(Json(Rollups { items: found.iter().map(RollupDocument::of).collect() }))
}
