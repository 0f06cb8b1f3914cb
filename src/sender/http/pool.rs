//! The connection pool.
//!
//! 1. Tenants do not share connections, unless [`HttpOptions::share_connections`](super::HttpOptions::share_connections) is set.
//!    One tenant's endpoint therefore cannot affect another tenant's connections.
//! 2. If an HTTP/2 connection has no free stream, another connection is opened.
//! 3. The number of idle connections is limited for each tenant and in total, because all tenants share the file descriptors. If
//!    there is no free descriptor, idle connections are closed.
//! 4. A connection is not reused if an exchange on it timed out, or ended before the request and the response were complete.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use http::Uri;
use tokio::time::sleep;

use super::super::egress::{Connector, Opening};
use super::connection::{ConnectionLimits, ConnectionState, drive};
use super::error::ExchangeError;
use super::http1::{self, Http1};
use super::http2::{self, Http2};
use super::lease::{Lease, lock};
use super::options::Sharing;
use super::registry::{Key, Registry};
use crate::id::Tenant;

/// How long to wait for idle connections to close before a connect is repeated.
const CLOSE_IDLE_WAIT: Duration = Duration::from_millis(20);

/// Opens connections and reuses them. Clones share all connections.
#[derive(Clone)]
pub(super) struct Pool(Arc<Shared>);

struct Shared {
    connector: Connector,
    limits: ConnectionLimits,
    sharing: Sharing,
    registry: Arc<Mutex<Registry>>,
    /// Its reference count is the number of open connections plus one.
    open: Arc<()>,
}

/// A connection for one exchange.
pub(super) enum Connection {
    Http1(Http1),
    Http2(Http2),
}

impl Connection {
    pub(super) fn state(&self) -> &Arc<ConnectionState> {
        match self {
            Self::Http1(connection) => &connection.lease.state,
            Self::Http2(connection) => &connection.lease.state,
        }
    }
}

impl Pool {
    pub(super) fn new(connector: Connector, limits: ConnectionLimits, sharing: Sharing) -> Self {
        Self(Arc::new(Shared { connector, limits, sharing, registry: Arc::default(), open: Arc::default() }))
    }

    pub(super) fn connector(&self) -> &Connector {
        &self.0.connector
    }

    /// How many connections are open.
    pub(super) fn open(&self) -> usize {
        Arc::strong_count(&self.0.open) - 1
    }

    /// Returns an open connection that can serve one more exchange.
    pub(super) fn reuse(&self, tenant: &Option<Tenant>, uri: &Uri) -> Option<Connection> {
        let key = &self.key(tenant, uri);
        let mut registry = lock(&self.0.registry);
        if let Some((handle, state)) = registry.find_http2(key) {
            state.begin_exchange();
            return Some(Connection::Http2(Http2 { handle, lease: self.lease(key, state) }));
        }
        while let Some((handle, state)) = registry.take_http1(key) {
            if handle.is_ready() && !state.is_retired() {
                state.begin_exchange();
                return Some(Connection::Http1(Http1 { handle, lease: self.lease(key, state) }));
            }
        }
        None
    }

    /// Opens a new connection, and records how long each step took.
    pub(super) async fn connect(
        &self,
        tenant: &Option<Tenant>,
        uri: &Uri,
        opening: &mut Opening,
    ) -> Result<Connection, ExchangeError> {
        let key = &self.key(tenant, uri);
        let stream = match self.0.connector.connect(uri, tenant, opening).await {
            Err(error) if error.is_out_of_descriptors() && lock(&self.0.registry).close_idle() => {
                tracing::debug!("there is no free file descriptor; idle connections are closed");
                sleep(CLOSE_IDLE_WAIT).await;
                self.0.connector.connect(uri, tenant, opening).await?
            }
            connected => connected?,
        };
        let state = Arc::new(ConnectionState::with_first_exchange(stream.meter(), stream.tls_version()));
        // The lease is made before the handshake: if the handshake fails, dropping the lease closes the connection.
        let lease = self.lease(key, state.clone());
        if !stream.is_http2() {
            let (handle, connection) = http1::handshake(stream).await?;
            self.spawn(connection, state, key);
            return Ok(Connection::Http1(Http1 { handle, lease }));
        }
        let (handle, connection) = http2::handshake(stream, state.clone(), self.0.limits.progress_timeout).await?;
        self.spawn(connection, state.clone(), key);
        lock(&self.0.registry).add_http2(key, handle.clone(), state);
        Ok(Connection::Http2(Http2 { handle, lease }))
    }

    fn key(&self, tenant: &Option<Tenant>, uri: &Uri) -> Key {
        let tenant = if self.0.sharing == Sharing::AllTenants { None } else { tenant.clone() };
        Key::new(tenant, uri)
    }

    fn lease(&self, key: &Key, state: Arc<ConnectionState>) -> Lease {
        Lease::new(state, self.0.limits, self.0.registry.clone(), key.clone())
    }

    /// Spawns the driver of a connection. The driver ends by the limits of `drive`, even after the pool was dropped.
    fn spawn(&self, connection: impl Future<Output = ()> + Send + 'static, state: Arc<ConnectionState>, key: &Key) {
        let (registry, open) = (Arc::downgrade(&self.0.registry), self.0.open.clone());
        let (limits, key) = (self.0.limits, key.clone());
        tokio::spawn(async move {
            drive(connection, &state, limits, || remove(&registry, &key, &state)).await;
            drop(open);
        });
    }
}

fn remove(registry: &Weak<Mutex<Registry>>, key: &Key, state: &Arc<ConnectionState>) {
    if let Some(registry) = registry.upgrade() {
        lock(&registry).remove(key, state);
    }
}
