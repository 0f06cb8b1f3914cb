//! `/endpoints/{id}/replay`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::endpoint_documents::RateDocument;
use super::jobs::{JobDocument, check_limit, started};
use super::problem::Problem;
use super::read::{Id, MaybeBody, maybe};
use super::state::Manage;
use crate::id::EndpointId;
use crate::sender::Replay;

/// The most events that one request replays without a job, because it waits until they are stored.
const MAX_REPLAYED: u64 = 10_000;

pub(super) fn routes() -> OpenApiRouter<Manage> {
    OpenApiRouter::new().routes(routes!(replay))
}

/// The events of a replay.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReplayWhat)]
enum SelectionDocument {
    /// Events that did not arrive: their delivery failed, was cancelled or never existed.
    #[default]
    NotArrived,
    /// Events without a delivery to the endpoint.
    NeverOwed,
    /// All events that the endpoint subscribes to, including delivered ones.
    All,
    /// Events whose delivery failed or was cancelled.
    Unfinished,
}

/// A request for a replay.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Replay)]
struct ReplayDocument {
    #[serde(default)]
    what: SelectionDocument,
    /// Stored at this time or later.
    #[schema(format = DateTime)]
    from: Option<String>,
    /// Stored before this time.
    #[schema(format = DateTime)]
    to: Option<String>,
    /// A pattern: only events of these types.
    #[schema(example = "invoice.*")]
    types: Option<String>,
    /// The highest rate.
    at_most: Option<RateDocument>,
    /// The most events. Without `background`, one request never sends more than 10,000.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    limit: Option<u64>,
    /// Send copies under new ids, so that a receiver that deduplicates handles them again.
    #[serde(default)]
    fresh_ids: bool,
    /// Whether to only count the events. Default: `true`. With `false` the events are sent.
    dry_run: Option<bool>,
    /// Whether a job sends the events after the response, page by page. Then there may be more than 10,000.
    #[serde(default)]
    background: bool,
}

/// The result of a replay or of a dry run.
#[derive(Serialize, ToSchema)]
struct Replayed {
    /// The number of events, at most 10,000.
    count: u64,
    /// Whether the number is exact; with `false` there may be more events. Only in a dry run with `background`.
    #[serde(skip_serializing_if = "Option::is_none")]
    exact: Option<bool>,
    /// Whether nothing was sent.
    dry_run: bool,
}

impl ReplayDocument {
    fn prepare<'a>(&self, mut replay: Replay<'a>) -> Result<Replay<'a>, Problem> {
        replay = match self.what {
            SelectionDocument::NotArrived => replay.not_arrived(),
            SelectionDocument::NeverOwed => replay.never_owed(),
            SelectionDocument::All => replay.all(),
            SelectionDocument::Unfinished => replay.unfinished(),
        };
        if let Some(from) = maybe("from", self.from.as_deref())? {
            replay = replay.from(from);
        }
        if let Some(to) = maybe("to", self.to.as_deref())? {
            replay = replay.to(to);
        }
        if let Some(types) = maybe("types", self.types.as_deref())? {
            replay = replay.types(types);
        }
        if let Some(rate) = self.at_most {
            replay = replay.at_most(rate.rate("at_most")?);
        }
        if self.fresh_ids {
            replay = replay.under_fresh_ids();
        }
        Ok(replay)
    }

    /// The most events, if the client asks for a limit.
    fn limit(&self) -> Result<Option<u64>, Problem> {
        match self.limit {
            Some(limit) if !self.background && !(1..=MAX_REPLAYED).contains(&limit) => {
                let remedy = format!("must be 1 to {MAX_REPLAYED}; for more, set `background` to true");
                Err(Problem::invalid("limit", remedy))
            }
            limit => limit.map(check_limit).transpose(),
        }
    }
}

/// Send events to an endpoint again. By default this is a dry run; `dry_run: false` sends the events. With `background`, a job sends them.
#[utoipa::path(post, operation_id = "replay", path = "/endpoints/{id}/replay", tag = "endpoints", params(("id" = String, Path)),
    request_body = Option<ReplayDocument>,
    responses(
        (status = 200, description = "the number of events", body = Replayed),
        (status = 202, description = "the job, which was started", body = JobDocument, headers(("Location" = String))),
    ),
)]
async fn replay(
    caller: Caller,
    Id(id): Id<EndpointId>,
    MaybeBody(asked): MaybeBody<ReplayDocument>,
) -> Result<Response, Problem> {
    let replay = asked.prepare(caller.scoped.replay(id).await?)?;
    let limit = asked.limit()?;
    let dry_run = asked.dry_run != Some(false);
    if !asked.background {
        let replay = replay.limit(limit.unwrap_or(MAX_REPLAYED));
        let count = if dry_run { replay.count().await? } else { replay.run().await? };
        return Ok(Json(Replayed { count, exact: None, dry_run }).into_response());
    }
    let job = limit.into_iter().fold(replay, Replay::limit);
    if dry_run {
        let (count, exact) = job.count_up_to_bound().await?;
        return Ok(Json(Replayed { count, exact: Some(exact), dry_run }).into_response());
    }
    Ok(started(&job.start_and_show().await?, "../../"))
}
