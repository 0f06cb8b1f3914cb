//! Who asks.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::problem::{Code, Problem};
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

impl FromRequestParts<Manage> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, manage: &Manage) -> Result<Self, Problem> {
        let principal = parts.extensions.get::<Principal>();
        let scope = principal.map(|principal| principal.scope().clone());
        let scope = scope.ok_or_else(|| Problem::new(Code::Unauthorized, "the request has no principal"))?;
        Ok(Self { shared: manage.shared.clone(), scope })
    }
}
