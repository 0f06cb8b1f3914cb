//! Who asks.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::request::Parts;

use super::problem::{Code, Problem};
use super::read::is_json;
use super::{Manage, Shared};
use crate::id::Tenant;
use crate::sender::{Principal, Scope, Scoped};

/// The principal of a request, and what it may use.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) shared: Arc<Shared>,
    pub(super) scope: Scope,
}

impl Caller {
    pub(super) fn scoped(&self) -> Scoped<'_> {
        self.shared.sender.scoped(&self.scope)
    }

    /// Whose things are meant: a tenant's own, or of the tenant that an operator names. `None` for an operator who names none.
    pub(super) fn tenant(&self, named: Option<String>) -> Result<Option<Tenant>, Problem> {
        let named = named.map(Tenant::from);
        if let Some(named) = &named {
            named.check().map_err(|error| Problem::invalid("tenant", error))?;
        }
        match (&self.scope, named) {
            (Scope::Tenant(own), None) => Ok(Some(own.clone())),
            (Scope::Operator, named) => Ok(named),
            (Scope::Tenant(own), Some(named)) if *own == named => Ok(Some(named)),
            (Scope::Tenant(_), Some(_)) => {
                Err(Problem::of_field(Code::Forbidden, "tenant", "only an operator may name another tenant"))
            }
        }
    }

    /// As [`tenant`](Self::tenant), where one must be meant.
    pub(super) fn one_tenant(&self, named: Option<String>) -> Result<Tenant, Problem> {
        self.tenant(named)?.ok_or_else(|| Problem::invalid("tenant", "an operator must say which tenant is meant"))
    }
}

/// A header that a page of another site cannot set without asking us first.
const NOT_A_FORM: &str = "x-requested-with";

/// A browser sends a form of any site with the cookies of this one, and what the host signs in by may be a cookie. Of the methods
/// that change something only `POST` is a form's; and no form has a JSON body, a bearer token, or a header of its own.
fn not_cross_site(parts: &Parts) -> Result<(), Problem> {
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
        let principal = parts.extensions.get::<Principal>();
        let scope = principal.map(|principal| principal.scope().clone());
        let scope = scope.ok_or_else(|| Problem::new(Code::Unauthorized, "the request has no principal"))?;
        not_cross_site(parts)?;
        Ok(Self { shared: manage.shared.clone(), scope })
    }
}
