//! The caller of a request, and the scoped view of the sender for this caller.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::request::Parts;

use super::problem::{Code, Problem};
use super::read::is_json;
use super::state::{Manage, Shared};
use crate::id::Tenant;
use crate::sender::{Scope, Scoped};

/// The caller of a request.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) shared: Arc<Shared>,
    /// The sender, limited to what the caller may use.
    pub(super) scoped: Scoped,
}

impl Caller {
    /// The tenant of a request: the caller's own, or the one that an operator names. `None` if an operator names no tenant.
    pub(super) fn tenant(&self, named: Option<String>) -> Result<Option<Tenant>, Problem> {
        let named = named.map(Tenant::from);
        if let Some(named) = &named {
            named.check().map_err(|error| Problem::invalid("tenant", error))?;
            if !self.scoped.scope().covers(named) {
                return Err(Problem::of_field(Code::Forbidden, "tenant", "only an operator may name another tenant"));
            }
        }
        Ok(named.or_else(|| self.scoped.scope().as_tenant().cloned()))
    }

    /// Like [`tenant`](Self::tenant), for a request that needs a tenant.
    pub(super) fn one_tenant(&self, named: Option<String>) -> Result<Tenant, Problem> {
        self.tenant(named)?.ok_or_else(|| Problem::invalid("tenant", "an operator must name a tenant"))
    }
}

/// A header that a page of another site cannot set unless we allow it (CORS).
const NOT_A_FORM: &str = "x-requested-with";

/// Refuses a request that a form on another site may have sent. The browser sends such a request with the cookies of this site, and
/// the host may authenticate by cookie. A form that changes something must use `POST`, and it cannot send a JSON body, a bearer token
/// or a custom header.
fn check_same_site(parts: &Parts) -> Result<(), Problem> {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let has_token = text("authorization").get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer "));
    let is_form = parts.method == Method::POST
        && !is_json(&parts.headers)
        && !has_token
        && !parts.headers.contains_key(NOT_A_FORM);
    if is_form {
        let remedy = "send `content-type: application/json`, or the header `x-requested-with` with any value";
        return Err(Problem::new(Code::CrossSite, remedy));
    }
    Ok(())
}

impl FromRequestParts<Manage> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, manage: &Manage) -> Result<Self, Problem> {
        let scope = parts.extensions.get::<Scope>().cloned();
        let scope = scope.ok_or_else(|| Problem::new(Code::Unauthorized, "the request is not authenticated"))?;
        check_same_site(parts)?;
        Ok(Self { shared: manage.shared.clone(), scoped: manage.shared.sender.scoped(scope).via("manage") })
    }
}
