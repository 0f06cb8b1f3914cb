//! `/deliveries/{id}/details`.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::problem::Problem;
use super::read::Id;
use super::state::Manage;
use crate::id::DeliveryId;
use crate::sender::AttemptDetail;

pub(super) fn routes() -> OpenApiRouter<Manage> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A header.
#[derive(Serialize, ToSchema)]
struct Header {
    name: String,
    /// `(hidden)` for a custom header of the endpoint, and for a cookie.
    value: String,
}

fn headers(list: &[(Box<str>, Box<str>)]) -> Vec<Header> {
    list.iter().map(|(name, value)| Header { name: name.to_string(), value: value.to_string() }).collect()
}

/// How an attempt was sent and answered.
#[derive(Serialize, ToSchema)]
#[schema(as = AttemptDetail)]
struct DetailDocument {
    /// The number of the attempt.
    attempt: u32,
    /// When it began.
    #[schema(format = DateTime)]
    at: String,
    url: String,
    request_headers: Vec<Header>,
    /// The IP address that the request was sent to. Only operators see it.
    address: Option<String>,
    /// How long it took to connect; `null` if an open connection was used, or none could be opened.
    connecting_ms: Option<f64>,
    /// The version of HTTP; `null` if no response was received.
    version: Option<String>,
    response_headers: Vec<Header>,
    /// The beginning of the response body. It is untrusted text.
    response_body: String,
}

impl DetailDocument {
    fn of(detail: &AttemptDetail) -> Self {
        Self {
            attempt: detail.attempt,
            at: detail.at.to_string(),
            url: detail.url.to_string(),
            request_headers: headers(&detail.request_headers),
            address: detail.address.map(|address| address.to_string()),
            connecting_ms: detail.connecting.map(|time| time.as_secs_f64() * 1_000.0),
            version: detail.version.as_deref().map(String::from),
            response_headers: headers(&detail.response_headers),
            response_body: detail.response_body.to_string(),
        }
    }
}

/// The details that are kept.
#[derive(Serialize, ToSchema)]
struct Details {
    items: Vec<DetailDocument>,
}

/// List how the last attempts of a delivery were sent and answered, oldest first. By default, the details of attempts that did not succeed
/// are kept for some days.
#[utoipa::path(get, operation_id = "list_attempt_details", path = "/deliveries/{id}/details", tag = "deliveries", params(("id" = String, Path)), responses(
    (status = 200, description = "the details", body = Details),
))]
async fn list(caller: Caller, Id(id): Id<DeliveryId>) -> Result<Json<Details>, Problem> {
    let details = caller.scoped.attempt_details(id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(Details { items: details.iter().map(DetailDocument::of).collect() }))
}
