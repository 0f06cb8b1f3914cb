//! The description of the API, made from the code of the routes.

use axum::Json;
use utoipa::OpenApi as _;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::{Content, OpenApi, PathItem, Ref, RefOr, Response, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::problem::ProblemDocument;
use super::state::Manage;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Webhooks",
        description = "Endpoints, the events that they get, and the results of deliveries. Problems are RFC 9457 documents whose `code` is stable. \
            Lists have pages: send `next_cursor` as `cursor` for the next page, and `previous_cursor` as `before` for the previous one.",
        license(name = "MIT")
    ),
    components(schemas(ProblemDocument)),
    tags(
        (name = "endpoints", description = "The targets of events"),
        (name = "events", description = "Events and their types"),
        (name = "deliveries", description = "The deliveries of events to endpoints"),
        (name = "jobs", description = "Changes to many deliveries in the background"),
        (name = "rollups", description = "The numbers of each minute and hour, and failures in groups"),
        (name = "audit", description = "Who changed what"),
    )
)]
struct Base;

/// Problems that every operation may return, with their meanings.
const ALWAYS: [(&str, &str); 4] = [
    ("401", "the request is not authenticated"),
    ("422", "a value is invalid"),
    ("500", "the store has failed; repeating the request does not help"),
    ("503", "the store is unavailable; repeat the request later"),
];

/// Problems of operations with a body.
const WITH_BODY: [(&str, &str); 3] = [
    ("400", "the body is not JSON"),
    ("413", "the body is too large"),
    ("415", "the content type of the body is not JSON"),
];

/// Problems of operations on one object.
const OF_ONE: [(&str, &str); 3] = [
    ("404", "there is no object with this id"),
    ("409", "the state of the object does not allow this"),
    ("412", "the object was changed since it was read"),
];

pub(super) fn base() -> OpenApi {
    Base::openapi()
}

pub(super) fn routes() -> OpenApiRouter<Manage> {
    OpenApiRouter::new().routes(routes!(openapi))
}

/// Get this description.
#[utoipa::path(get, operation_id = "get_description", path = "/openapi.json", tag = "description", responses(
    (status = 200, description = "OpenAPI 3.1", content_type = "application/json"),
))]
async fn openapi(caller: Caller) -> Json<OpenApi> {
    Json(OpenApi::clone(&caller.shared.openapi))
}

/// Adds the problems that each operation may return.
pub(super) fn with_problems(mut api: OpenApi) -> OpenApi {
    for item in api.paths.paths.values_mut() {
        for operation in operations(item) {
            add_problems(operation);
            operation.parameters.iter_mut().flatten().for_each(never_null);
        }
    }
    api
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, post, patch, delete, .. } = item;
    [get, post, patch, delete].into_iter().filter_map(Option::as_mut)
}

/// Removes `null` from the type of a parameter, which is a string or absent.
fn never_null(parameter: &mut RefOr<Parameter>) {
    if let RefOr::T(Parameter { schema: Some(RefOr::T(Schema::Object(schema))), .. }) = parameter
        && let SchemaType::Array(types) = &schema.schema_type
        && let Some(only) = types.iter().find(|kind| **kind != Type::Null)
    {
        schema.schema_type = SchemaType::Type(only.clone());
    }
}

fn add_problems(operation: &mut Operation) {
    let in_path =
        |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(it) if it.parameter_in == ParameterIn::Path);
    let is_of_one = operation.parameters.iter().flatten().any(in_path);
    let mut problems = ALWAYS.to_vec();
    problems.push(("403", "the caller may not do this"));
    if operation.request_body.is_some() {
        problems.extend(WITH_BODY);
        problems.push(("409", "the current state does not allow this"));
    }
    if is_of_one {
        problems.extend(OF_ONE);
    }
    for (status, description) in problems {
        operation.responses.responses.entry(status.into()).or_insert_with(|| RefOr::T(problem(description)));
    }
}

fn problem(description: &str) -> Response {
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new().description(description).content("application/problem+json", content).build()
}
