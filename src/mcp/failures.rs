//! The tool that lists what failed, in groups.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::call::Call;
use super::deliveries::category;
use super::documents::{FailureDocument, Failures, ListFailures};
use super::endpoints::LIST;
use super::failure::Failure;
use super::read::{endpoint_id, maybe, page};
use super::route::Spec;
use crate::clock::Timestamp;
use crate::outcome::Outcome;
use crate::store::{FailureGroup, FailureQuery, RollupStep};

/// The time that is searched without `since`.
const DAY: Duration = Duration::from_secs(86_400);

pub(super) const LIST_FAILURES: Spec = Spec {
    name: "webhook_list_failures",
    title: "List failures",
    description: "List the deliveries that were given up, in groups of equal outcome, the largest first: one broken release is one group, however many \
        deliveries it cost. Without since: the last 24 hours. Responses are not shown.",
    ..LIST
};

pub(super) fn list(call: Call, requested: ListFailures) -> BoxFuture<'static, Result<Failures, Failure>> {
    async move {
        let now = call.scoped.now();
        let since: Timestamp = maybe("since", requested.since.as_deref())?.unwrap_or(now - DAY);
        // The clock of the store may be ahead of this one.
        let mut query = FailureQuery::between(RollupStep::Hour.start(since), now + RollupStep::Hour.length());
        query.endpoint = requested.callback_id.map(|id| endpoint_id(&id)).transpose()?;
        query.limit = page(requested.limit)?;
        let found = call.scoped.failures(query).await?;
        Ok(Failures { failures: found.groups.iter().map(document).collect(), since: found.from.to_string() })
    }
    .boxed()
}

fn document(group: &FailureGroup) -> FailureDocument {
    FailureDocument {
        callback_id: group.endpoint.to_string(),
        count: group.count,
        status_code: group.kind.outcome.and_then(Outcome::status),
        error_category: group.kind.outcome.and_then(category),
        reason: group.kind.reason.map(|reason| reason.as_str().into()),
        first_at: group.first.to_string(),
        last_at: group.last.to_string(),
        last_delivery_id: group.sample.to_string(),
    }
}
