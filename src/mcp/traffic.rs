//! The tool that lists how many attempts and deliveries there were.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::endpoints::LIST;
use super::failure::Failure;
use super::read::{self, endpoint_id, maybe, page};
use super::route::Spec;
use crate::clock::Timestamp;
use crate::store::{Rollup, RollupStep};

/// The time that is searched without `since`.
const DAY: Duration = Duration::from_secs(86_400);

pub(super) const LIST_TRAFFIC: Spec = Spec {
    name: "webhook_list_traffic",
    title: "List traffic",
    description: "List how many attempts and deliveries there were in each minute or hour, and how they ended, oldest first. Minutes and \
        hours without attempts are left out; new attempts appear after some seconds. Without since: the last 24 hours.",
    ..LIST
};

/// The length of time that is counted together.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    /// Kept for 48 hours.
    Minute,
    /// Kept for 90 days.
    #[default]
    Hour,
}

/// Arguments of `webhook_list_traffic`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListTraffic {
    /// Only attempts at this callback.
    #[serde(default)]
    callback_id: Option<String>,
    /// Default: hour.
    #[serde(default)]
    step: Step,
    /// Only minutes or hours that begin at this time or later (RFC 3339).
    #[serde(default)]
    since: Option<String>,
    /// Only minutes or hours that begin before this time (RFC 3339). By default now.
    #[serde(default)]
    until: Option<String>,
    /// The most minutes or hours, 1 to 50.
    #[serde(default)]
    limit: Option<u32>,
}

/// What happened in one minute or hour. Each attempt is counted in exactly one of `succeeded`, `client_errors`, `server_errors`, `timeouts`,
/// `unreachable` and `other`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Rollup")]
pub(super) struct RollupDocument {
    /// The beginning of the minute or hour.
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

/// Minutes or hours, oldest first.
#[derive(Serialize, JsonSchema)]
pub(super) struct Traffic {
    traffic: Vec<RollupDocument>,
    /// The `since` with which the list goes on; null if this is all.
    next_since: Option<String>,
}

pub(super) fn list(call: Call, asked: ListTraffic) -> BoxFuture<'static, Result<Traffic, Failure>> {
    async move {
        let limit = page(asked.limit)?;
        let until: Timestamp = maybe("until", asked.until.as_deref())?.unwrap_or_else(|| call.scoped.now());
        let since = maybe("since", asked.since.as_deref())?.unwrap_or(until - DAY);
        let step = match asked.step {
            Step::Minute => RollupStep::Minute,
            Step::Hour => RollupStep::Hour,
        };
        let found = call.rollups(asked.callback_id.as_deref(), step, since, until).await?;
        let (shown, next_since) = read::cut(&found, limit, |last: &Rollup| (last.at + step.length()).to_string());
        Ok(Traffic { traffic: shown.iter().map(document).collect(), next_since })
    }
    .boxed()
}

impl Call {
    /// The rollups of one endpoint, or of all endpoints.
    async fn rollups(
        &self,
        callback_id: Option<&str>,
        step: RollupStep,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Rollup>, Failure> {
        let Some(id) = callback_id else {
            return Ok(self.scoped.rollups(Some(&self.tenant), step, since, until).await?);
        };
        let endpoint = self.scoped.endpoint(endpoint_id(id)?).await?;
        Ok(self.scoped.endpoint_rollups(&[&*endpoint], step, since, until).await?.concat())
    }
}

fn document(rollup: &Rollup) -> RollupDocument {
    let duration = |share| rollup.duration_at(share).and_then(|limit| u64::try_from(limit.as_millis()).ok());
    RollupDocument {
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
