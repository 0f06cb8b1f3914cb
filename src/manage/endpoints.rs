//! `/endpoints`.

use std::time::Duration;

use axum::Json;
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::endpoint_documents::{
    EndpointDocument, EndpointSummary, EndpointWithSecret, HealthDocument, NewDocument, PatchDocument, StatsDocument,
};
use super::events::ReceiptDocument;
use super::page::{self, Listed};
use super::problem::{Code, Problem};
use super::read::{Body, Id, MaybeBody, Query, if_match, maybe, tagged};
use super::state::Manage;
use crate::endpoint::Endpoint;
use crate::id::EndpointId;
use crate::sender::{EndpointChange, EndpointError};

/// The longest time that a replaced key still signs, in seconds: 30 days.
const MAX_OVERLAP: u32 = 30 * 86_400;

/// The default for that time: a day.
const OVERLAP: u32 = 86_400;

pub(super) fn routes() -> OpenApiRouter<Manage> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get, update, remove))
        .routes(routes!(enable))
        .routes(routes!(disable))
        .routes(routes!(rotate))
        .routes(routes!(prove))
        .routes(routes!(test))
        .routes(routes!(health))
        .routes(routes!(stats))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct List {
    /// The tenant. Without it, an operator gets the list of all tenants.
    #[param(min_length = 1, max_length = 128)]
    tenant: Option<String>,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// An endpoint with its secret, which is shown only in this response.
fn with_secret(caller: &Caller, status: StatusCode, endpoint: &Endpoint) -> Result<Response, Problem> {
    let document = EndpointWithSecret::of(endpoint, &caller.scoped.secret(endpoint)?);
    let mut response = tagged(endpoint.version, (status, Json(document)));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The document of an endpoint, with its `ETag`.
fn shown(endpoint: &Endpoint) -> Response {
    tagged(endpoint.version, Json(EndpointDocument::of(endpoint)))
}

/// A conflict becomes a failed precondition (RFC 9110 section 15.5.13) if the client sent the version that it had read.
fn as_precondition(error: EndpointError, version: Option<u64>) -> Problem {
    match error {
        EndpointError::Conflict if version.is_some() => Problem::new(Code::PreconditionFailed, error),
        error => error.into(),
    }
}

/// Create an endpoint. Its secret is shown only in this response.
#[utoipa::path(post, operation_id = "create_endpoint", path = "/endpoints", tag = "endpoints", request_body = NewDocument, responses(
    (status = 201, description = "created", body = EndpointWithSecret,
        headers(("ETag" = String), ("Location" = String))),
))]
async fn create(caller: Caller, Body(document): Body<NewDocument>) -> Result<Response, Problem> {
    let tenant = caller.one_tenant(document.tenant.clone())?;
    let endpoint = caller.scoped.create(document.into_new()?.tenant(tenant)).await?;
    let mut response = with_secret(&caller, StatusCode::CREATED, &endpoint)?;
    if let Ok(location) = format!("endpoints/{}", endpoint.id).parse() {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// List endpoints, oldest first.
#[utoipa::path(get, operation_id = "list_endpoints", path = "/endpoints", tag = "endpoints", params(List), responses(
    (status = 200, description = "a page of endpoints", body = Listed<EndpointSummary>),
))]
async fn list(caller: Caller, Query(query): Query<List>) -> Result<Json<Listed<EndpointSummary>>, Problem> {
    let after: Option<EndpointId> = maybe("cursor", query.cursor.as_deref())?;
    let limit = page::limit(query.limit)?;
    let tenant = caller.tenant(query.tenant)?;
    let found = caller.scoped.endpoints(tenant.as_ref(), after, limit + 1).await?;
    Ok(Json(Listed::of(found, limit, |last| last.id.to_string(), |endpoint| EndpointSummary::of(endpoint))))
}

/// Get an endpoint.
#[utoipa::path(get, operation_id = "get_endpoint", path = "/endpoints/{id}", tag = "endpoints", params(("id" = String, Path)), responses(
    (status = 200, description = "the endpoint", body = EndpointDocument, headers(("ETag" = String))),
))]
async fn get(caller: Caller, Id(id): Id<EndpointId>) -> Result<Response, Problem> {
    Ok(shown(&*caller.scoped.endpoint(id).await?))
}

/// Change an endpoint. With `If-Match`, only if it has not changed since that version.
#[utoipa::path(patch, operation_id = "update_endpoint", path = "/endpoints/{id}", tag = "endpoints",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "the `ETag` of the version that was read")),
    request_body(content((PatchDocument = "application/merge-patch+json"), (PatchDocument = "application/json"))),
    responses((status = 200, description = "the endpoint after the change", body = EndpointDocument, headers(("ETag" = String)))),
)]
async fn update(
    caller: Caller,
    Id(id): Id<EndpointId>,
    headers: HeaderMap,
    Body(patch): Body<PatchDocument>,
) -> Result<Response, Problem> {
    change(&caller, id, &headers, patch.into_change()?).await
}

async fn change(
    caller: &Caller,
    id: EndpointId,
    headers: &HeaderMap,
    change: EndpointChange,
) -> Result<Response, Problem> {
    let version = if_match(headers);
    let change = match version {
        Some(version) => change.at_version(version),
        None => change,
    };
    let updated = caller.scoped.update(id, change).await.map_err(|error| as_precondition(error, version))?;
    Ok(shown(&updated))
}

/// Remove an endpoint and cancel its pending deliveries.
#[utoipa::path(delete, operation_id = "delete_endpoint", path = "/endpoints/{id}", tag = "endpoints",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "the `ETag` of the version that was read")),
    responses((status = 204, description = "removed")),
)]
async fn remove(caller: Caller, Id(id): Id<EndpointId>, headers: HeaderMap) -> Result<StatusCode, Problem> {
    let version = if_match(&headers);
    caller.scoped.remove_at(id, version).await.map_err(|error| as_precondition(error, version))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Enable an endpoint: held deliveries are sent.
#[utoipa::path(post, operation_id = "enable_endpoint", path = "/endpoints/{id}/enable", tag = "endpoints", params(("id" = String, Path)), responses(
    (status = 200, description = "the endpoint after the change", body = EndpointDocument, headers(("ETag" = String))),
))]
async fn enable(caller: Caller, Id(id): Id<EndpointId>, headers: HeaderMap) -> Result<Response, Problem> {
    change(&caller, id, &headers, EndpointChange::new().enabled()).await
}

/// Disable an endpoint: its deliveries are held.
#[utoipa::path(post, operation_id = "disable_endpoint", path = "/endpoints/{id}/disable", tag = "endpoints", params(("id" = String, Path)), responses(
    (status = 200, description = "the endpoint after the change", body = EndpointDocument, headers(("ETag" = String))),
))]
async fn disable(caller: Caller, Id(id): Id<EndpointId>, headers: HeaderMap) -> Result<Response, Problem> {
    change(&caller, id, &headers, EndpointChange::new().disabled()).await
}

/// How long the replaced keys still sign.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rotate {
    /// Default: a day; at most 30 days. Use 0 for keys that have leaked.
    #[schema(maximum = 2_592_000)]
    overlap_seconds: Option<u32>,
}

/// Give an endpoint a new key. The key is shown only in this response. For the overlap, every request also has the signatures of the
/// replaced keys.
#[utoipa::path(post, operation_id = "rotate_secret", path = "/endpoints/{id}/rotate", tag = "endpoints", params(("id" = String, Path)),
    request_body = Option<Rotate>,
    responses((status = 200, description = "the new secret", body = EndpointWithSecret, headers(("ETag" = String)))),
)]
async fn rotate(
    caller: Caller,
    Id(id): Id<EndpointId>,
    MaybeBody(rotate): MaybeBody<Rotate>,
) -> Result<Response, Problem> {
    let seconds = rotate.overlap_seconds.unwrap_or(OVERLAP);
    if seconds > MAX_OVERLAP {
        return Err(Problem::invalid("overlap_seconds", format!("must be at most {MAX_OVERLAP}")));
    }
    let endpoint = caller.scoped.renew_key(id, Duration::from_secs(seconds.into())).await?;
    with_secret(&caller, StatusCode::OK, &endpoint)
}

/// Ask the owner of the URL to agree, if the application requires that.
#[utoipa::path(post, operation_id = "prove_endpoint", path = "/endpoints/{id}/prove", tag = "endpoints", params(("id" = String, Path)), responses(
    (status = 200, description = "proven", body = EndpointDocument, headers(("ETag" = String))),
))]
async fn prove(caller: Caller, Id(id): Id<EndpointId>) -> Result<Response, Problem> {
    Ok(shown(&caller.scoped.prove(id).await?))
}

/// Send an event of type `hookwire.test` to an endpoint, whatever event types it subscribes to.
#[utoipa::path(post, operation_id = "test_endpoint", path = "/endpoints/{id}/test", tag = "endpoints", params(("id" = String, Path)), responses(
    (status = 202, description = "the event was dispatched", body = ReceiptDocument),
))]
async fn test(caller: Caller, Id(id): Id<EndpointId>) -> Result<Response, Problem> {
    let receipt = caller.scoped.test(id).await?;
    Ok((StatusCode::ACCEPTED, Json(ReceiptDocument::of(&receipt))).into_response())
}

/// Get the results of an endpoint's recent attempts.
#[utoipa::path(get, operation_id = "get_health", path = "/endpoints/{id}/health", tag = "endpoints", params(("id" = String, Path)), responses(
    (status = 200, description = "the health of the endpoint", body = HealthDocument),
))]
async fn health(caller: Caller, Id(id): Id<EndpointId>) -> Result<Json<HealthDocument>, Problem> {
    Ok(Json(HealthDocument::of(&caller.scoped.endpoint(id).await?.health)))
}

/// Count the deliveries of an endpoint in each state.
#[utoipa::path(get, operation_id = "get_stats", path = "/endpoints/{id}/stats", tag = "endpoints", params(("id" = String, Path)), responses(
    (status = 200, description = "the counts and durations", body = StatsDocument),
))]
async fn stats(caller: Caller, Id(id): Id<EndpointId>) -> Result<Json<StatsDocument>, Problem> {
    Ok(Json(StatsDocument::of(&caller.scoped.stats(id).await?)))
}
