//! `/endpoints/{id}/replay`.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::endpoint_documents::RateDocument;
use super::problem::Problem;
use super::read::{Id, MaybeBody, maybe, parse};
use super::state::Manage;
use crate::id::EndpointId;

/// The most events that one request replays, because it waits until they are stored.
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
    /// The most events; one request never sends more than 10,000.
    #[schema(minimum = 1, maximum = 10_000)]
    limit: Option<u64>,
    /// Send copies under new ids, so that a receiver that deduplicates handles them again.
    #[serde(default)]
    fresh_ids: bool,
    /// Whether to only count the events. Default: `true`. With `false` the events are sent.
    dry_run: Option<bool>,
}

/// The result of a replay or of a dry run.
#[derive(Serialize, ToSchema)]
struct Replayed {
    /// The number of events.
    count: u64,
    /// Whether nothing was sent.
    dry_run: bool,
}

/// Send events to an endpoint again. By default this is a dry run; `dry_run: false` sends the events.
#[utoipa::path(post, operation_id = "replay", path = "/endpoints/{id}/replay", tag = "endpoints", params(("id" = String, Path)),
    request_body = Option<ReplayDocument>,
    responses((status = 200, description = "the number of events", body = Replayed)),
)]
async fn replay(
    caller: Caller,
    Id(id): Id<EndpointId>,
    MaybeBody(asked): MaybeBody<ReplayDocument>,
) -> Result<Json<Replayed>, Problem> {
    let mut replay = caller.scoped.replay(id).await?;
    replay = match asked.what {
        SelectionDocument::NotArrived => replay.not_arrived(),
        SelectionDocument::NeverOwed => replay.never_owed(),
        SelectionDocument::All => replay.all(),
        SelectionDocument::Unfinished => replay.unfinished(),
    };
    if let Some(from) = maybe("from", asked.from.as_deref())? {
        replay = replay.from(from);
    }
    if let Some(to) = maybe("to", asked.to.as_deref())? {
        replay = replay.to(to);
    }
    if let Some(types) = asked.types {
        replay = replay.types(parse("types", &types)?);
    }
    if let Some(rate) = asked.at_most {
        replay = replay.at_most(rate.rate("at_most")?);
    }
    if asked.fresh_ids {
        replay = replay.under_fresh_ids();
    }
    let limit = asked.limit.unwrap_or(MAX_REPLAYED);
    if !(1..=MAX_REPLAYED).contains(&limit) {
        return Err(Problem::invalid("limit", format!("must be 1 to {MAX_REPLAYED}")));
    }
    replay = replay.limit(limit);
    let dry_run = asked.dry_run != Some(false);
    let count = if dry_run { replay.count().await? } else { replay.run().await? };
    Ok(Json(Replayed { count, dry_run }))
}
