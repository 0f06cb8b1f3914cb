//! The tool that lists who changed what.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::endpoints::LIST;
use super::failure::Failure;
use super::read::{maybe, page};
use super::route::Spec;
use crate::store::{AuditEntry, AuditQuery, Page};

pub(super) const LIST_AUDIT: Spec = Spec {
    name: "webhook_list_audit",
    title: "List changes",
    description: "List who changed callbacks and deliveries, and from where, newest first. Every change is recorded before it is made.",
    ..LIST
};

/// Arguments of `webhook_list_audit`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListAudit {
    /// Only changes to this object: the id of a callback, a delivery or a message.
    #[serde(default)]
    object: Option<String>,
    /// The `next_cursor` of the previous page.
    #[serde(default)]
    cursor: Option<String>,
    /// The most changes in the page, 1 to 50.
    #[serde(default)]
    limit: Option<u32>,
}

/// A change that somebody asked for.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditEntry")]
pub(super) struct AuditDocument {
    at: String,
    /// The name of the caller. Empty if it is unknown, or if it was an operator.
    actor: String,
    by_operator: bool,
    /// Where the request came from: `code` (the application), `manage`, `console` or `mcp`.
    surface: String,
    /// What was asked for, such as `endpoint.update`. An endpoint is a callback.
    action: String,
    /// The id of the object.
    object: String,
    /// What exactly was asked for, such as the names of the fields that change.
    detail: String,
    /// Whether the change was made. Null if this is unknown.
    succeeded: Option<bool>,
}

/// A list of changes.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Changes")]
pub(super) struct AuditLog {
    changes: Vec<AuditDocument>,
    /// The cursor of the next page. Only without it, nothing is left to search, even if this page is empty.
    next_cursor: Option<String>,
}

pub(super) fn list(call: Call, asked: ListAudit) -> BoxFuture<'static, Result<AuditLog, Failure>> {
    async move {
        let limit = page(asked.limit)?;
        let after: Option<u64> = maybe("cursor", asked.cursor.as_deref())?;
        let query = AuditQuery::default().tenant(call.tenant.clone()).object(asked.object.as_deref());
        let found = call.scoped.audit_log(query, Page::of(limit).after(after).newest_first()).await?;
        let next_cursor = found.next.map(|next| next.to_string());
        Ok(AuditLog { changes: found.items.iter().map(document).collect(), next_cursor })
    }
    .boxed()
}

fn document(entry: &AuditEntry) -> AuditDocument {
    AuditDocument {
        at: entry.at.to_string(),
        actor: entry.actor.to_string(),
        by_operator: entry.by_operator,
        surface: entry.surface.to_string(),
        action: entry.action.to_string(),
        object: entry.object.to_string(),
        detail: entry.detail.to_string(),
        succeeded: entry.succeeded,
    }
}
