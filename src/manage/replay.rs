//! `/endpoints/{id}/replay`.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Manage;
use super::endpoint_documents::RateDocument;
use super::principal::Caller;
use super::problem::Problem;
use super::read::{Id, MaybeBody, maybe, parse};
use crate::id::EndpointId;

/// Most events that one request sends again: it waits until they are stored.
const MAX_REPLAYED: u64 = 10_000;

pub(super) fn routes() -> OpenApiRouter<Manage> {
    OpenApiRouter::new().routes(routes!(replay))
}

/// Which events are meant.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReplayWhat)]
enum What {
    /// Those that did not arrive: never owed, failed or cancelled.
    #[default]
    NotArrived,
    /// Those that were never owed to the endpoint.
    NeverOwed,
    /// All that it wants, whatever became of them.
    All,
    /// Those that have failed or were cancelled.
    Unfinished,
}

/// What is to be sent again.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Replay)]
struct ReplayDocument {
    #[serde(default)]
    what: What,
    /// Stored at this time or later.
    #[schema(format = DateTime)]
    from: Option<String>,
    /// Stored before.
    #[schema(format = DateTime)]
    to: Option<String>,
    /// Only of these types: a pattern.
    #[schema(example = "invoice.*")]
    types: Option<String>,
    /// No faster than this.
    at_most: Option<RateDocument>,
    /// At most so many, and never more than 10,000 in one request.
    #[schema(minimum = 1, maximum = 10_000)]
    limit: Option<u64>,
    /// Under ids that no receiver has seen, so that they are handled again.
    #[serde(default)]
    fresh_ids: bool,
    /// Unless this is `false`, events are only counted.
    dry_run: Option<bool>,
}

/// What a replay does, or would do.
#[derive(Serialize, ToSchema)]
struct Replayed {
    /// How many events.
    count: u64,
    /// Nothing was sent.
    dry_run: bool,
}

/// Send an endpoint events again. A dry run, unless `dry_run` is `false`.
#[utoipa::path(post, operation_id = "replay", path = "/endpoints/{id}/replay", tag = "endpoints", params(("id" = String, Path)),
    request_body = Option<ReplayDocument>,
    responses((status = 200, description = "how many", body = Replayed)),
)]
async fn replay(
    caller: Caller,
    Id(id): Id<EndpointId>,
    MaybeBody(asked): MaybeBody<ReplayDocument>,
) -> Result<Json<Replayed>, Problem> {
    let mut replay = caller.scoped().replay(id).await?;
    replay = match asked.what {
        What::NotArrived => replay.not_arrived(),
        What::NeverOwed => replay.never_owed(),
        What::All => replay.all(),
        What::Unfinished => replay.unfinished(),
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
