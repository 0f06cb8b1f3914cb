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

use super::Manage;
use super::endpoint_documents::{
    EndpointDocument, EndpointSummary, EndpointWithSecret, HealthDocument, NewDocument, PatchDocument, StatsDocument,
};
use super::events::ReceiptDocument;
use super::page::{self, Listed};
use super::principal::Caller;
use super::problem::{Code, Problem};
use super::read::{Body, Id, MaybeBody, Query, if_match, maybe, tagged};
use crate::id::EndpointId;
use crate::sender::{EndpointChange, EndpointError};

/// Longest time for which a key that was replaced goes on signing.
const MAX_OVERLAP: u32 = 30 * 86_400;

/// How long it does so where nothing is said.
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
    /// Whose; an operator's list is of all tenants unless it names one.
    #[param(min_length = 1, max_length = 128)]
    tenant: Option<String>,
    /// Where the page before has ended.
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// With a key that is shown this once.
fn with_secret(status: StatusCode, endpoint: &crate::endpoint::Endpoint) -> Response {
    let mut response = tagged(endpoint.version, (status, Json(EndpointWithSecret::of(endpoint))));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// As the document of an endpoint says, and with its tag.
fn shown(endpoint: &crate::endpoint::Endpoint) -> Response {
    tagged(endpoint.version, Json(EndpointDocument::of(endpoint)))
}

/// The client has said which version it means: another one is no conflict but a precondition that failed (RFC 9110 section
/// 15.5.13).
fn as_precondition(error: EndpointError, version: Option<u64>) -> Problem {
    match error {
        EndpointError::Conflict if version.is_some() => Problem::new(Code::PreconditionFailed, error),
        error => error.into(),
    }
}

/// Create an endpoint. Its secret is shown this once.
#[utoipa::path(post, operation_id = "create_endpoint", path = "/endpoints", tag = "endpoints", request_body = NewDocument, responses(
    (status = 201, description = "created", body = EndpointWithSecret,
        headers(("ETag" = String), ("Location" = String))),
))]
async fn create(caller: Caller, Body(document): Body<NewDocument>) -> Result<Response, Problem> {
    let tenant = caller.one_tenant(document.tenant.clone())?;
    let endpoint = caller.scoped().create(document.into_new()?.tenant(tenant)).await?;
    let mut response = with_secret(StatusCode::CREATED, &endpoint);
    if let Ok(location) = format!("endpoints/{}", endpoint.id).parse() {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// List endpoints, oldest first.
#[utoipa::path(get, operation_id = "list_endpoints", path = "/endpoints", tag = "endpoints", params(List), responses(
    (status = 200, description = "a page", body = Listed<EndpointSummary>),
))]
async fn list(caller: Caller, Query(query): Query<List>) -> Result<Json<Listed<EndpointSummary>>, Problem> {
    let after: Option<EndpointId> = maybe("cursor", query.cursor.as_deref())?;
    let limit = page::limit(query.limit)?;
    let tenant = caller.tenant(query.tenant)?;
    let found = caller.shared.sender.endpoints().list(tenant.as_ref(), after, limit + 1).await?;
    Ok(Json(Listed::of(found, limit, |last| last.id.to_string(), |endpoint| EndpointSummary::of(endpoint))))
}

/// Get an endpoint.
#[utoipa::path(get, operation_id = "get_endpoint", path = "/endpoints/{id}", tag = "endpoints", params(("id" = String, Path)), responses(
    (status = 200, description = "the endpoint", body = EndpointDocument, headers(("ETag" = String))),
))]
async fn get(caller: Caller, Id(id): Id<EndpointId>) -> Result<Response, Problem> {
    Ok(shown(&*caller.scoped().endpoint(id).await?))
}

/// Change an endpoint. With `If-Match` only if it still is what was read.
#[utoipa::path(patch, operation_id = "update_endpoint", path = "/endpoints/{id}", tag = "endpoints",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "the tag that was read")),
    request_body(content((PatchDocument = "application/merge-patch+json"), (PatchDocument = "application/json"))),
    responses((status = 200, description = "as it is now", body = EndpointDocument, headers(("ETag" = String)))),
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
    // Whose it is comes first: a tag tells something about what is there.
    caller.scoped().endpoint(id).await?;
    let version = if_match(headers)?;
    let change = version.map_or_else(|| change.clone(), |version| change.clone().at_version(version));
    let updated = caller.scoped().update(id, change).await.map_err(|error| as_precondition(error, version))?;
    Ok(shown(&updated))
}

/// Remove an endpoint; what it is owed is cancelled.
#[utoipa::path(delete, operation_id = "delete_endpoint", path = "/endpoints/{id}", tag = "endpoints",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "the tag that was read")),
    responses((status = 204, description = "removed")),
)]
async fn remove(caller: Caller, Id(id): Id<EndpointId>, headers: HeaderMap) -> Result<StatusCode, Problem> {
    // Whose it is comes first: a tag tells something about what is there.
    if caller.scope.tenant().is_some() {
        caller.scoped().endpoint(id).await?;
    }
    let version = if_match(&headers)?;
    caller.scoped().remove_at(id, version).await.map_err(|error| as_precondition(error, version))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Serve it: what was held goes out.
#[utoipa::path(post, operation_id = "enable_endpoint", path = "/endpoints/{id}/enable", tag = "endpoints", params(("id" = String, Path)), responses(
    (status = 200, description = "as it is now", body = EndpointDocument, headers(("ETag" = String))),
))]
async fn enable(caller: Caller, Id(id): Id<EndpointId>, headers: HeaderMap) -> Result<Response, Problem> {
    change(&caller, id, &headers, EndpointChange::new().enabled()).await
}

/// Do not serve it: its deliveries are held.
#[utoipa::path(post, operation_id = "disable_endpoint", path = "/endpoints/{id}/disable", tag = "endpoints", params(("id" = String, Path)), responses(
    (status = 200, description = "as it is now", body = EndpointDocument, headers(("ETag" = String))),
))]
async fn disable(caller: Caller, Id(id): Id<EndpointId>, headers: HeaderMap) -> Result<Response, Problem> {
    change(&caller, id, &headers, EndpointChange::new().disabled()).await
}

/// How long the keys before go on signing.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rotate {
    /// A day, unless said otherwise; at most 30 days. 0 is for keys that have leaked.
    #[schema(maximum = 2_592_000)]
    overlap_seconds: Option<u32>,
}

/// Give an endpoint a fresh key. It is shown this once; every request carries the signatures of the keys before as well, while
/// they overlap.
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
    let endpoint = caller.scoped().renew_key(id, Duration::from_secs(seconds.into())).await?;
    Ok(with_secret(StatusCode::OK, &endpoint))
}

/// Ask the owner of its target to agree, where the application demands that.
#[utoipa::path(post, operation_id = "prove_endpoint", path = "/endpoints/{id}/prove", tag = "endpoints", params(("id" = String, Path)), responses(
    (status = 200, description = "proven", body = EndpointDocument, headers(("ETag" = String))),
))]
async fn prove(caller: Caller, Id(id): Id<EndpointId>) -> Result<Response, Problem> {
    Ok(shown(&caller.scoped().prove(id).await?))
}

/// Send it an event of type `hookwire.test`, whatever it wants.
#[utoipa::path(post, operation_id = "test_endpoint", path = "/endpoints/{id}/test", tag = "endpoints", params(("id" = String, Path)), responses(
    (status = 202, description = "on its way", body = ReceiptDocument),
))]
async fn test(caller: Caller, Id(id): Id<EndpointId>) -> Result<Response, Problem> {
    let receipt = caller.scoped().test(id).await?;
    Ok((StatusCode::ACCEPTED, Json(ReceiptDocument::of(&receipt))).into_response())
}

/// How it has been answering.
#[utoipa::path(get, operation_id = "get_health", path = "/endpoints/{id}/health", tag = "endpoints", params(("id" = String, Path)), responses(
    (status = 200, description = "its health", body = HealthDocument),
))]
async fn health(caller: Caller, Id(id): Id<EndpointId>) -> Result<Json<HealthDocument>, Problem> {
    Ok(Json(HealthDocument::of(&caller.scoped().endpoint(id).await?.health)))
}

/// How many of its deliveries are in each state.
#[utoipa::path(get, operation_id = "get_stats", path = "/endpoints/{id}/stats", tag = "endpoints", params(("id" = String, Path)), responses(
    (status = 200, description = "its figures", body = StatsDocument),
))]
async fn stats(caller: Caller, Id(id): Id<EndpointId>) -> Result<Json<StatsDocument>, Problem> {
    Ok(Json(StatsDocument::of(&caller.scoped().stats(id).await?)))
}
