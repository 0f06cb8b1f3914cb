//! The caller of a tool, and what the call may use.

use std::num::NonZeroU32;
use std::sync::Arc;

use http::request::Parts;
use rmcp::model::Extensions;

use super::failure::Failure;
use super::handover::SecretHandover;
use super::rate_limit::RateLimit;
use crate::id::Tenant;
use crate::sender::{Scope, Scoped, Sender};

/// Kinds of calls. The calls of each kind are counted together, for each tenant.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counted {
    /// Changes to endpoints.
    Changes,
    /// Test events.
    Tests,
    /// Deliveries that are sent again or cancelled, and jobs that are stopped.
    Resends,
}

/// The data that all tools share.
#[derive(Clone, Debug)]
pub(super) struct Toolbox {
    sender: Sender,
    handover: Arc<dyn SecretHandover>,
    /// The caller on a transport without HTTP requests.
    scope: Option<Scope>,
    changes: Arc<RateLimit>,
    tests: Arc<RateLimit>,
    resends: Arc<RateLimit>,
}

/// A call on behalf of one tenant.
pub(super) struct Call {
    pub(super) tenant: Tenant,
    /// The sender, limited to what the tenant may use.
    pub(super) scoped: Scoped,
    pub(super) handover: Arc<dyn SecretHandover>,
}

impl Toolbox {
    pub(super) fn new(sender: Sender, handover: Arc<dyn SecretHandover>, calls: NonZeroU32) -> Self {
        let [changes, tests, resends] = limits(calls);
        Self { sender, handover, scope: None, changes, tests, resends }
    }

    pub(super) fn set_scope(&mut self, scope: Scope) {
        self.scope = Some(scope);
    }

    pub(super) fn set_calls_per_minute(&mut self, calls: NonZeroU32) {
        [self.changes, self.tests, self.resends] = limits(calls);
    }

    /// Accepts a call of an authenticated caller, and counts it.
    pub(super) fn accept(&self, extensions: &Extensions, counted: Option<Counted>) -> Result<Call, Failure> {
        let scope = caller(extensions, self.scope.as_ref()).ok_or(Failure::Unauthenticated)?.clone();
        let Some(tenant) = scope.as_tenant().cloned() else {
            return Err(Failure::tool("forbidden", "these tools work for a tenant; the caller is an operator"));
        };
        match counted {
            Some(Counted::Changes) => self.changes.take(&tenant)?,
            Some(Counted::Tests) => self.tests.take(&tenant)?,
            Some(Counted::Resends) => self.resends.take(&tenant)?,
            None => {}
        }
        Ok(Call { tenant, scoped: self.sender.scoped(scope).via("mcp"), handover: self.handover.clone() })
    }
}

fn limits(calls: NonZeroU32) -> [Arc<RateLimit>; 3] {
    [(); 3].map(|()| Arc::new(RateLimit::per_minute(calls)))
}

/// The caller: the scope that the host's authentication has put into the HTTP request or, on a transport without HTTP requests,
/// `fixed`. The caller is never an argument of the call.
pub(super) fn caller<'a>(extensions: &'a Extensions, fixed: Option<&'a Scope>) -> Option<&'a Scope> {
    match extensions.get::<Parts>() {
        Some(parts) => parts.extensions.get(),
        None => fixed,
    }
}
