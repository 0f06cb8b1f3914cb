//! `/events`, `/event-types` and `/explain`.

use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::page::{self, Asked, Listed};
use super::problem::Problem;
use super::read::{Body, Id, Query, maybe, parse};
use super::state::Manage;
use crate::clock::Timestamp;
use crate::endpoint::{Endpoint, Verdict};
use crate::event::{Event, EventType, EventTypeInfo, EventTypes, NewEvent};
use crate::id::EventId;
use crate::sender::Receipt;
use crate::store::{EventQuery, EventSummary};

/// The longest `Idempotency-Key`, in bytes.
const MAX_KEY_BYTES: usize = 255;

pub(super) fn routes() -> OpenApiRouter<Manage> {
    OpenApiRouter::new()
        .routes(routes!(dispatch, list))
        .routes(routes!(get))
        .routes(routes!(explain))
        .routes(routes!(types))
}

/// An event to dispatch.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewEvent)]
struct NewDocument {
    /// The type of the event.
    #[serde(rename = "type")]
    #[schema(pattern = r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", max_length = 128, example = "invoice.paid")]
    event_type: String,
    /// The data of the event: any JSON. It is sent in the Standard Webhooks envelope.
    #[schema(value_type = serde_json::Value, example = json!({"invoice": 1042}))]
    data: Box<RawValue>,
    /// The tenant of the event. An operator must name it.
    #[schema(min_length = 1, max_length = 128)]
    tenant: Option<String>,
    /// Your own id. An event that is dispatched twice with the same id is delivered once.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,128}$")]
    id: Option<String>,
    /// The time of the event. Default: now.
    #[schema(format = DateTime)]
    occurred_at: Option<String>,
    /// After this time the event is not sent any more.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// An ordering key: each endpoint gets the events with the same key one after the other.
    #[schema(min_length = 1, max_length = 128)]
    ordering_key: Option<String>,
}

/// The result of a dispatch.
#[derive(Serialize, ToSchema)]
#[schema(as = Receipt)]
pub(super) struct ReceiptDocument {
    event: String,
    /// One delivery for each endpoint that subscribes to the event.
    deliveries: Vec<String>,
    /// Whether the event was dispatched before; then nothing was stored now.
    duplicate: bool,
}

impl ReceiptDocument {
    pub(super) fn of(receipt: &Receipt) -> Self {
        Self {
            event: receipt.event.to_string(),
            deliveries: receipt.deliveries.iter().map(ToString::to_string).collect(),
            duplicate: receipt.duplicate,
        }
    }
}

/// Dispatch an event. A successful response means that the event and its deliveries are stored.
#[utoipa::path(post, operation_id = "dispatch_event", path = "/events", tag = "events", request_body = NewDocument,
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255,
        description = "a repeated request with the same key dispatches the event once; only without an id in the body")),
    responses(
        (status = 202, description = "stored", body = ReceiptDocument),
        (status = 200, description = "the event was stored before", body = ReceiptDocument),
    ),
)]
async fn dispatch(caller: Caller, headers: HeaderMap, Body(document): Body<NewDocument>) -> Result<Response, Problem> {
    let tenant = caller.one_tenant(document.tenant.clone())?;
    let key = idempotency_key(&headers)?;
    let event = document.into_event(key)?.tenant(tenant);
    let receipt = caller.scoped.dispatch(event).await?;
    let status = if receipt.duplicate { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(ReceiptDocument::of(&receipt))).into_response())
}

/// Reads the key of draft-ietf-httpapi-idempotency-key-header, with or without quotes, as the id of the event.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<EventId>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let wrong = || Problem::invalid("Idempotency-Key", format!("must be 1 to {MAX_KEY_BYTES} ASCII characters"));
    if !(1..=MAX_KEY_BYTES).contains(&text.len()) {
        return Err(wrong());
    }
    // A digest turns every key into a valid id, and the prefix separates it from other ids.
    let digest = hex::encode(Sha256::digest(text));
    EventId::new(format!("idem_{digest}")).map(Some).map_err(|_| wrong())
}

impl NewDocument {
    fn into_event(self, key: Option<EventId>) -> Result<NewEvent, Problem> {
        let mut event =
            NewEvent::json(&self.event_type, &self.data).map_err(|error| Problem::invalid("type", error))?;
        let id = maybe("id", self.id.as_deref())?;
        if id.is_some() && key.is_some() {
            return Err(Problem::invalid("Idempotency-Key", "must be absent, because the event has an id"));
        }
        if let Some(id) = id.or(key) {
            event = event.id(id);
        }
        if let Some(at) = maybe("occurred_at", self.occurred_at.as_deref())? {
            event = event.occurred_at(at);
        }
        if let Some(at) = maybe("expires_at", self.expires_at.as_deref())? {
            event = event.expires_at(at);
        }
        match self.ordering_key {
            Some(key) => event.ordered_by(key).map_err(|error| Problem::invalid("ordering_key", error)),
            None => Ok(event),
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct List {
    /// The tenant. An operator must name it.
    #[param(min_length = 1, max_length = 128)]
    tenant: Option<String>,
    /// Stored at this time or later.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Stored before this time.
    #[param(format = DateTime)]
    to: Option<String>,
    #[serde(default)]
    #[param(inline)]
    order: page::Order,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
    /// The `previous_cursor` of the next page: the page that ends directly before it, in the same order.
    before: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// An event in a list.
#[derive(Serialize, ToSchema)]
#[schema(as = EventSummary)]
struct SummaryDocument {
    id: String,
    #[serde(rename = "type")]
    event_type: String,
    #[schema(format = DateTime)]
    stored_at: String,
}

/// List events, newest first by default.
#[utoipa::path(get, operation_id = "list_events", path = "/events", tag = "events", params(List), responses(
    (status = 200, description = "a page", body = Listed<SummaryDocument>),
))]
async fn list(caller: Caller, Query(query): Query<List>) -> Result<Json<Listed<SummaryDocument>>, Problem> {
    let page = Asked::of(query.order, (query.cursor.as_deref(), query.before.as_deref()), query.limit)?;
    let from = maybe("from", query.from.as_deref())?.unwrap_or(Timestamp::from_micros(i64::MIN));
    let to = maybe("to", query.to.as_deref())?.unwrap_or(Timestamp::MAX);
    let wanted = EventQuery::of(caller.one_tenant(query.tenant)?).between(from, to);
    let found = caller.scoped.events(&wanted, page.page()).await?;
    let document = |event: &EventSummary| SummaryDocument {
        id: event.id.to_string(),
        event_type: event.event_type.to_string(),
        stored_at: event.appended_at.to_string(),
    };
    Ok(Json(Listed::found(page, found, |event| event.cursor, document)))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Of {
    /// The tenant. An operator must name it.
    #[param(min_length = 1, max_length = 128)]
    tenant: Option<String>,
}

/// An event.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
struct EventDocument {
    id: String,
    tenant: String,
    #[serde(rename = "type")]
    event_type: String,
    #[schema(format = DateTime)]
    occurred_at: String,
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    ordering_key: Option<String>,
    content_type: String,
    /// The payload, if it is text.
    payload: Option<String>,
    /// The payload in base64, if it is not text.
    payload_base64: Option<String>,
}

impl EventDocument {
    fn of(event: &Event) -> Self {
        let text = std::str::from_utf8(&event.payload).ok();
        Self {
            id: event.id.to_string(),
            tenant: event.tenant.to_string(),
            event_type: event.event_type.to_string(),
            occurred_at: event.occurred_at.to_string(),
            expires_at: event.expires_at.map(|at| at.to_string()),
            ordering_key: event.order.as_ref().map(|order| order.key().to_string()),
            content_type: event.content_type.to_string(),
            payload: text.map(String::from),
            payload_base64: text.is_none().then(|| BASE64.encode(&event.payload)),
        }
    }
}

/// Get an event, with its payload.
#[utoipa::path(get, operation_id = "get_event", path = "/events/{id}", tag = "events", params(("id" = String, Path), Of), responses(
    (status = 200, description = "the event", body = EventDocument),
))]
async fn get(caller: Caller, Id(id): Id<EventId>, Query(of): Query<Of>) -> Result<Json<EventDocument>, Problem> {
    let tenant = caller.one_tenant(of.tenant)?;
    let event = caller.scoped.event(&tenant, &id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(EventDocument::of(&event)))
}

/// An event type.
#[derive(Serialize, ToSchema)]
#[schema(as = EventType)]
struct TypeDocument {
    name: String,
    /// The meaning of the type.
    description: Option<String>,
    /// The JSON Schema (2020-12) of the data.
    schema: serde_json::Value,
    /// An example of the data.
    sample: serde_json::Value,
}

/// A list of event types.
#[derive(Serialize, ToSchema)]
#[schema(as = EventTypes)]
struct Types {
    items: Vec<TypeDocument>,
}

/// List the event types that the application has described.
#[utoipa::path(get, operation_id = "list_event_types", path = "/event-types", tag = "events", responses(
    (status = 200, description = "all event types, sorted by name", body = Types),
))]
async fn types(caller: Caller) -> Json<Types> {
    let document = |described: EventTypeInfo| TypeDocument {
        name: described.event_type.to_string(),
        description: described.description,
        schema: described.schema,
        sample: described.sample,
    };
    let types = caller.scoped.event_types().map(EventTypes::list).unwrap_or_default();
    Json(Types { items: types.into_iter().map(document).collect() })
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Explain {
    /// The type of the event.
    #[serde(rename = "type")]
    #[param(pattern = r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", max_length = 128)]
    event_type: String,
    /// The tenant. An operator must name it.
    #[param(min_length = 1, max_length = 128)]
    tenant: Option<String>,
}

/// The endpoints of the tenant, and whether each would get an event.
#[derive(Serialize, ToSchema)]
struct Explained {
    items: Vec<ExplanationDocument>,
}

/// The result for one endpoint.
#[derive(Serialize, ToSchema)]
#[schema(as = Verdict)]
struct ExplanationDocument {
    endpoint: String,
    verdict: VerdictDocument,
}

/// What would happen to the event: `receive` (it is delivered), `hold` (the endpoint is disabled) or `not_want` (the endpoint does
/// not subscribe to it).
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Would)]
enum VerdictDocument {
    Receive,
    Hold,
    NotWant,
}

/// List the endpoints that would get an event of this type, and why the others would not. Nothing is stored.
#[utoipa::path(get, operation_id = "explain", path = "/explain", tag = "events", params(Explain), responses(
    (status = 200, description = "every endpoint of the tenant", body = Explained),
))]
async fn explain(caller: Caller, Query(query): Query<Explain>) -> Result<Json<Explained>, Problem> {
    let tenant = caller.one_tenant(query.tenant)?;
    let event_type: EventType = parse("type", &query.event_type)?;
    let explained = caller.scoped.explain(&tenant, &event_type).await?;
    let document = |(endpoint, verdict): &(Arc<Endpoint>, Verdict)| ExplanationDocument {
        endpoint: endpoint.id.to_string(),
        verdict: match verdict {
            Verdict::Receives => VerdictDocument::Receive,
            Verdict::Holds => VerdictDocument::Hold,
            Verdict::NotSubscribed | Verdict::OtherTenant => VerdictDocument::NotWant,
        },
    };
    Ok(Json(Explained { items: explained.iter().map(document).collect() }))
}
