//! `/deliveries/{id}/details`.

use std::time::Duration;

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
    method: String,
    url: String,
    request_headers: Vec<Header>,
    /// The IP address that the request was sent to. Only operators see it.
    address: Option<String>,
    /// How long it took to resolve the name, or to fail at it. Only operators see it. `null` if no name was resolved.
    dns_ms: Option<f64>,
    /// How long the address took to accept the connection. If none did: how long it took to try all. `null` if an open connection was used.
    connect_ms: Option<f64>,
    /// How long the TLS handshake took, or took to fail; `null` if there was none.
    tls_ms: Option<f64>,
    /// How long it took from the ready connection to the head of the response. With HTTP/2, this includes the set-up of HTTP/2 on a new
    /// connection, and the wait for a free stream on an open one. `null` if no response was received.
    first_byte_ms: Option<f64>,
    /// The version of TLS, such as `TLS 1.3`; `null` without TLS.
    tls_version: Option<String>,
    /// Whether the TLS handshake resumed an earlier session. Only operators see it. `null` if there was no complete handshake.
    tls_resumed: Option<bool>,
    /// Why TLS failed: `expired`, `not_yet_valid`, `wrong_name`, `unknown_issuer`, `revoked`, `not_for_servers`, `invalid_certificate`,
    /// `no_certificate`, `no_shared_protocol`, `no_shared_version`, `handshake_refused`, `not_tls`, `violation`, `unknown_name`,
    /// `client_certificate_required`, `client_certificate_refused`, `aborted`, `closed`, `lost` or `timeout`; `null` if it did not fail.
    tls_failure: Option<String>,
    /// The version of HTTP; `null` if no response was received.
    version: Option<String>,
    /// The HTTP status; `null` if no response was received.
    status: Option<u16>,
    response_headers: Vec<Header>,
    /// The beginning of the response body. It is untrusted text.
    response_body: String,
}

fn millis(time: Option<Duration>) -> Option<f64> {
    time.map(|time| time.as_secs_f64() * 1_000.0)
}

fn text(text: Option<&str>) -> Option<String> {
    text.map(String::from)
}

impl DetailDocument {
    fn of(detail: &AttemptDetail) -> Self {
        Self {
            attempt: detail.attempt,
            at: detail.at.to_string(),
            method: detail.method.to_string(),
            url: detail.url.to_string(),
            request_headers: headers(&detail.request_headers),
            address: detail.address.map(|address| address.to_string()),
            dns_ms: millis(detail.dns),
            connect_ms: millis(detail.connect),
            tls_ms: millis(detail.tls),
            first_byte_ms: millis(detail.first_byte),
            tls_version: text(detail.tls_version.as_deref()),
            tls_resumed: detail.tls_resumed,
            tls_failure: text(detail.tls_failure.as_deref()),
            version: text(detail.version.as_deref()),
            status: detail.status,
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
/// are kept for some days. How long a whole attempt took is in its `duration_ms`.
#[utoipa::path(get, operation_id = "list_attempt_details", path = "/deliveries/{id}/details", tag = "deliveries", params(("id" = String, Path)), responses(
    (status = 200, description = "the details", body = Details),
))]
async fn list(caller: Caller, Id(id): Id<DeliveryId>) -> Result<Json<Details>, Problem> {
    let details = caller.scoped.attempt_details(id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(Details { items: details.iter().map(DetailDocument::of).collect() }))
}
