//! `/audit`.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::page::{Asked, Listed, Order};
use super::problem::Problem;
use super::read::Query;
use super::state::Manage;
use crate::store::{AuditEntry, AuditQuery};

pub(super) fn routes() -> OpenApiRouter<Manage> {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct List {
    /// Only changes to objects of this tenant. Without it, an operator gets the changes to objects of all tenants.
    #[param(min_length = 1, max_length = 128)]
    tenant: Option<String>,
    /// Only changes to this object: the id of an endpoint, a delivery or an event.
    object: Option<String>,
    #[serde(default)]
    #[param(inline)]
    order: Order,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
    /// The `previous_cursor` of the next page: the page that ends directly before it, in the same order.
    before: Option<String>,
    /// The number of items of a page: 50 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// A change that somebody asked for.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
struct AuditDocument {
    /// When the change was asked for.
    #[schema(format = DateTime)]
    at: String,
    /// The tenant of the object; `null` if it is unknown.
    tenant: Option<String>,
    /// The name of the caller. Empty if the application has set none. A tenant does not see the names of operators.
    actor: String,
    /// Whether the caller was an operator. Otherwise it was the tenant.
    by_operator: bool,
    /// Where the request came from: `code` (the application), `manage`, `console` or `mcp`.
    surface: String,
    /// What was asked for, such as `endpoint.update`.
    action: String,
    /// The id of the object.
    object: String,
    /// What exactly was asked for, such as the names of the fields that change.
    detail: String,
    /// Whether the change was made; `null` if this is unknown.
    succeeded: Option<bool>,
}

impl AuditDocument {
    fn of(entry: &AuditEntry) -> Self {
        Self {
            at: entry.at.to_string(),
            tenant: entry.tenant.as_ref().map(ToString::to_string),
            actor: entry.actor.to_string(),
            by_operator: entry.by_operator,
            surface: entry.surface.to_string(),
            action: entry.action.to_string(),
            object: entry.object.to_string(),
            detail: entry.detail.to_string(),
            succeeded: entry.succeeded,
        }
    }
}

/// List who changed what. Every change is recorded before it is made.
#[utoipa::path(get, operation_id = "list_audit_log", path = "/audit", tag = "audit", params(List), responses(
    (status = 200, description = "the changes", body = Listed<AuditDocument>),
))]
async fn list(caller: Caller, Query(asked): Query<List>) -> Result<Json<Listed<AuditDocument>>, Problem> {
    let query = AuditQuery::default().tenant(caller.tenant(asked.tenant)?).object(asked.object.as_deref());
    let page = Asked::of(asked.order, (asked.cursor.as_deref(), asked.before.as_deref()), asked.limit)?;
    let found = caller.scoped.audit_log(query, page.page()).await?;
    Ok(Json(Listed::found(page, found, |entry| entry.number, AuditDocument::of)))
}
