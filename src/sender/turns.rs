//! Limits each tenant to one running replay in this process.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use super::error::EndpointError;
use crate::id::Tenant;

/// The tenants whose replays run in this process.
#[derive(Debug, Default)]
pub(super) struct ReplayTurns(Mutex<HashSet<Tenant>>);

/// The right of a tenant to replay. Dropping it ends the turn.
pub(super) struct Turn<'a> {
    turns: &'a ReplayTurns,
    tenant: Tenant,
}

impl ReplayTurns {
    /// Reserves the tenant's turn.
    ///
    /// # Errors
    /// Returns [`EndpointError::ReplayRunning`] if another replay of the tenant is running.
    pub(super) fn begin(&self, tenant: &Tenant) -> Result<Turn<'_>, EndpointError> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if running.insert(tenant.clone()) {
            Ok(Turn { turns: self, tenant: tenant.clone() })
        } else {
            Err(EndpointError::ReplayRunning)
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.tenant);
    }
}
