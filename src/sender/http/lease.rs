//! The right to make one exchange on a connection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::connection::{ConnectionLimits, ConnectionState};
use super::registry::{Http1Handle, Key, Registry};

/// The right to make one exchange on a connection. If it is dropped without [`keep`](Self::keep) or
/// [`put_back`](Self::put_back), the connection is not reused.
pub(super) struct Lease {
    pub(super) state: Arc<ConnectionState>,
    pub(super) limits: ConnectionLimits,
    registry: Arc<Mutex<Registry>>,
    key: Key,
    is_kept: bool,
}

impl Lease {
    pub(super) fn new(
        state: Arc<ConnectionState>,
        limits: ConnectionLimits,
        registry: Arc<Mutex<Registry>>,
        key: Key,
    ) -> Self {
        Self { state, limits, registry, key, is_kept: false }
    }

    /// Ends the exchange on an HTTP/2 connection, which stays in the registry.
    pub(super) fn keep(mut self) {
        self.is_kept = !self.limits.idle_timeout.is_zero() && !lock(&self.registry).is_over_limit(&self.key);
    }

    /// Ends the exchange on an HTTP/1 connection and returns it to the registry.
    pub(super) fn put_back(mut self, handle: Http1Handle) {
        if self.limits.idle_timeout.is_zero() || self.state.is_retired() || self.state.meter.fault().is_some() {
            return;
        }
        let mut registry = lock(&self.registry);
        if registry.is_full(&self.key) {
            return;
        }
        registry.add_http1(&self.key, handle, self.state.clone());
        drop(registry);
        self.is_kept = true;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.is_kept {
            self.state.retire();
        }
        self.state.end_exchange();
    }
}

pub(super) fn lock(registry: &Mutex<Registry>) -> MutexGuard<'_, Registry> {
    registry.lock().unwrap_or_else(PoisonError::into_inner)
}
