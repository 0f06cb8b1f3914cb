//! The connections that can be reused, by tenant and origin.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use http::Uri;

use super::body::RequestBody;
use super::connection::ConnectionState;
use crate::id::Tenant;
use crate::worker::Tally;

/// Sends one request at a time.
pub(super) type Http1Handle = hyper::client::conn::http1::SendRequest<RequestBody>;

/// Opens streams. Clones share the connection.
pub(super) type Http2Handle = h2::client::SendRequest<Bytes>;

/// Maximum number of concurrent exchanges on one HTTP/2 connection.
const MAX_STREAMS: usize = 100;

/// Maximum number of registered connections for each tenant.
const MAX_PER_TENANT: u32 = 256;

/// Maximum number of registered connections.
const MAX_TOTAL: u32 = 512;

/// The tenant and the origin of a connection. The tenant is `None` for the application's own requests and for shared connections.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    tenant: Option<Tenant>,
    origin: Box<str>,
}

impl Key {
    pub(super) fn new(tenant: Option<Tenant>, uri: &Uri) -> Self {
        let scheme = uri.scheme_str().unwrap_or_default();
        let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        Self { tenant, origin: format!("{scheme}://{authority}").into() }
    }
}

/// The connections to one origin.
#[derive(Debug, Default)]
struct Origin {
    idle_http1: Vec<(Http1Handle, Arc<ConnectionState>)>,
    http2: Vec<(Http2Handle, Arc<ConnectionState>)>,
}

/// HTTP/1 connections are registered while they are idle, HTTP/2 connections while they are open.
#[derive(Debug, Default)]
pub(super) struct Registry {
    origins: HashMap<Key, Origin>,
    counts: Tally,
}

impl Registry {
    /// Whether the limits allow no further connection for this key's tenant.
    pub(super) fn is_full(&self, key: &Key) -> bool {
        self.counts.total() >= MAX_TOTAL || self.counts.of(&key.tenant) >= MAX_PER_TENANT
    }

    /// Whether more connections are registered than the limits allow.
    pub(super) fn is_over_limit(&self, key: &Key) -> bool {
        self.counts.total() > MAX_TOTAL || self.counts.of(&key.tenant) > MAX_PER_TENANT
    }

    /// Returns an HTTP/2 connection that has a free stream.
    pub(super) fn find_http2(&self, key: &Key) -> Option<(Http2Handle, Arc<ConnectionState>)> {
        let has_free_stream = |(handle, state): &&(Http2Handle, Arc<ConnectionState>)| {
            !state.is_retired() && state.active() < MAX_STREAMS.min(handle.current_max_send_streams())
        };
        self.origins.get(key)?.http2.iter().find(has_free_stream).cloned()
    }

    /// Removes and returns an idle HTTP/1 connection.
    pub(super) fn take_http1(&mut self, key: &Key) -> Option<(Http1Handle, Arc<ConnectionState>)> {
        let idle = self.origins.get_mut(key)?.idle_http1.pop()?;
        self.counts.remove(&key.tenant, 1);
        Some(idle)
    }

    pub(super) fn add_http1(&mut self, key: &Key, handle: Http1Handle, state: Arc<ConnectionState>) {
        self.counted(key).idle_http1.push((handle, state));
    }

    pub(super) fn add_http2(&mut self, key: &Key, handle: Http2Handle, state: Arc<ConnectionState>) {
        self.counted(key).http2.push((handle, state));
    }

    /// Counts one more connection and returns where to put it.
    fn counted(&mut self, key: &Key) -> &mut Origin {
        self.counts.add(&key.tenant, 1);
        self.origins.entry(key.clone()).or_default()
    }

    /// Closes all idle connections. Returns false if there are none. Each driver removes its connection when it ends.
    pub(super) fn close_idle(&self) -> bool {
        let states = self.origins.values().flat_map(|origin| {
            origin.idle_http1.iter().map(|(_, state)| state).chain(origin.http2.iter().map(|(_, state)| state))
        });
        let mut idle = states.filter(|state| state.active() == 0).peekable();
        let found = idle.peek().is_some();
        idle.for_each(|state| state.retire());
        found
    }

    pub(super) fn remove(&mut self, key: &Key, state: &Arc<ConnectionState>) {
        let Some(origin) = self.origins.get_mut(key) else { return };
        let before = origin.idle_http1.len() + origin.http2.len();
        origin.idle_http1.retain(|(_, other)| !Arc::ptr_eq(other, state));
        origin.http2.retain(|(_, other)| !Arc::ptr_eq(other, state));
        let after = origin.idle_http1.len() + origin.http2.len();
        if after == 0 {
            self.origins.remove(key);
        }
        self.counts.remove(&key.tenant, u32::try_from(before - after).unwrap_or(u32::MAX));
    }
}
