//! Connections that are kept, by tenant and origin.
//!
//! 1. Tenants do not share connections, unless the operator says so: what one tenant's endpoint does to a connection meets
//!    none of another.
//! 2. An HTTP/2 connection that is full, by the server's limit or by [`MOST_STREAMS`], is joined by a further one.
//! 3. What is kept idle is bounded for each tenant and altogether: descriptors are what all share.
//!    When there are none left, the idle ones make room.
//! 4. A connection on which an exchange ran out of time, or that was not read or written to its end, is not used again.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::Uri;
use tokio::time::sleep;

use super::super::egress::Connector;
use super::error::ExchangeError;
use super::http1::{self, Http1};
use super::http2::{self, Http2};
use super::link::{Bounds, Link, drive};
use super::options::Sharing;
use crate::id::Tenant;
use crate::worker::Tally;

/// Exchanges on one HTTP/2 connection at the same time.
const MOST_STREAMS: usize = 100;

/// Connections that are kept for one tenant when they are idle.
const MOST_KEPT_PER_PARTY: u32 = 256;

/// Connections that are kept when they are idle.
const MOST_KEPT: u32 = 512;

/// How long connections that are to make room get to close.
const AFTER_SHEDDING: Duration = Duration::from_millis(20);

/// Whose connection it is, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    party: Option<Tenant>,
    origin: Box<str>,
}

impl Key {
    fn new(party: Option<Tenant>, uri: &Uri) -> Self {
        let scheme = uri.scheme_str().unwrap_or_default();
        let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        Self { party, origin: format!("{scheme}://{authority}").into() }
    }
}

/// What is kept for one origin.
#[derive(Debug, Default)]
struct Site {
    idle: Vec<(http1::Handle, Arc<Link>)>,
    shared: Vec<(http2::Handle, Arc<Link>)>,
}

#[derive(Debug, Default)]
struct Kept {
    sites: HashMap<Key, Site>,
    /// How many are kept for each tenant.
    counts: Tally,
}

/// Connections, and how they are opened. Clones share them.
#[derive(Clone)]
pub(super) struct Pool(Arc<Shared>);

struct Shared {
    connector: Connector,
    bounds: Bounds,
    sharing: Sharing,
    kept: Mutex<Kept>,
    /// One more reference for each connection that is open.
    open: Arc<()>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("bounds", &self.0.bounds).field("open", &self.open()).finish_non_exhaustive()
    }
}

/// A connection for one exchange.
pub(super) enum Connection {
    Http1(Http1),
    Http2(Http2),
}

impl Connection {
    pub(super) fn link(&self) -> &Arc<Link> {
        match self {
            Self::Http1(connection) => &connection.lease.link,
            Self::Http2(connection) => &connection.lease.link,
        }
    }
}

/// The right to one exchange on a connection. Dropped without [`Lease::keep`], it costs the connection its future.
pub(super) struct Lease {
    pub(super) link: Arc<Link>,
    pub(super) bounds: Bounds,
    pool: Pool,
    key: Key,
    is_kept: bool,
}

impl Lease {
    /// The connection is as good as before.
    pub(super) fn keep(mut self) {
        self.is_kept = !self.bounds.idle.is_zero() && !self.pool.kept().is_over(&self.key.party);
    }

    /// The connection is as good as before, and free for somebody else.
    pub(super) fn put_back(mut self, handle: http1::Handle) {
        if self.bounds.idle.is_zero() || self.link.is_retired() || self.link.meter.fault().is_some() {
            return;
        }
        let mut kept = self.pool.kept();
        if kept.is_full(&self.key.party) {
            return;
        }
        let site = kept.counted(&self.key);
        site.idle.push((handle, self.link.clone()));
        drop(kept);
        self.is_kept = true;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.is_kept {
            self.link.retire();
        }
        self.link.end();
    }
}

impl Pool {
    pub(super) fn new(connector: Connector, bounds: Bounds, sharing: Sharing) -> Self {
        Self(Arc::new(Shared { connector, bounds, sharing, kept: Mutex::default(), open: Arc::default() }))
    }

    pub(super) fn connector(&self) -> &Connector {
        &self.0.connector
    }

    /// How many connections are open.
    pub(super) fn open(&self) -> usize {
        Arc::strong_count(&self.0.open) - 1
    }

    /// A connection that is kept, if there is one with room.
    pub(super) fn kept_for(&self, party: &Option<Tenant>, uri: &Uri) -> Option<Connection> {
        let key = &self.key(party, uri);
        let mut kept = self.kept();
        let roomy = kept.sites.get(key)?.shared.iter().find(|(handle, link)| {
            !link.is_retired() && link.active() < MOST_STREAMS.min(handle.current_max_send_streams())
        });
        if let Some((handle, link)) = roomy {
            link.begin();
            return Some(Connection::Http2(Http2 { handle: handle.clone(), lease: self.lease(key, link.clone()) }));
        }
        while let Some((handle, link)) = kept.take_idle(key) {
            if handle.is_ready() && !link.is_retired() {
                link.begin();
                return Some(Connection::Http1(Http1 { handle, lease: self.lease(key, link) }));
            }
        }
        None
    }

    /// A new connection.
    pub(super) async fn connect(&self, party: &Option<Tenant>, uri: &Uri) -> Result<Connection, ExchangeError> {
        let key = &self.key(party, uri);
        let stream = match self.0.connector.connect(uri, party).await {
            Err(error) if error.is_want_of_descriptors() && self.kept().shed() => {
                tracing::debug!("out of descriptors; idle connections are closed");
                sleep(AFTER_SHEDDING).await;
                self.0.connector.connect(uri, party).await?
            }
            connected => connected?,
        };
        let link = Arc::new(Link::begun(stream.meter()));
        // From here on its end is certain: dropping the lease ends it.
        let lease = self.lease(key, link.clone());
        let bounds = self.0.bounds;
        if !stream.is_http2() {
            let (handle, connection) = http1::handshake(stream).await?;
            self.spawn(connection, link, key);
            return Ok(Connection::Http1(Http1 { handle, lease }));
        }
        let (handle, connection) = http2::handshake(stream, link.clone(), bounds.patience).await?;
        self.spawn(connection, link.clone(), key);
        self.kept().counted(key).shared.push((handle.clone(), link));
        Ok(Connection::Http2(Http2 { handle, lease }))
    }

    fn key(&self, party: &Option<Tenant>, uri: &Uri) -> Key {
        let party = if self.0.sharing == Sharing::OfAll { None } else { party.clone() };
        Key::new(party, uri)
    }

    fn lease(&self, key: &Key, link: Arc<Link>) -> Lease {
        Lease { link, bounds: self.0.bounds, pool: self.clone(), key: key.clone(), is_kept: false }
    }

    /// The driver ends by `drive`'s bounds, whatever the peer does and whether or not the pool is still there.
    fn spawn(&self, connection: impl Future<Output = ()> + Send + 'static, link: Arc<Link>, key: &Key) {
        let (pool, open) = (Arc::downgrade(&self.0), self.0.open.clone());
        let (bounds, key) = (self.0.bounds, key.clone());
        tokio::spawn(async move {
            drive(connection, &link, bounds, || forget(&pool, &key, &link)).await;
            drop(open);
        });
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget(pool: &Weak<Shared>, key: &Key, link: &Arc<Link>) {
    if let Some(shared) = pool.upgrade() {
        Pool(shared).kept().forget(key, link);
    }
}

impl Kept {
    /// Whether one more would be too many.
    fn is_full(&self, party: &Option<Tenant>) -> bool {
        self.counts.total() >= MOST_KEPT || self.counts.of(party) >= MOST_KEPT_PER_PARTY
    }

    /// Whether there are too many already.
    fn is_over(&self, party: &Option<Tenant>) -> bool {
        self.counts.total() > MOST_KEPT || self.counts.of(party) > MOST_KEPT_PER_PARTY
    }

    /// One that is idle, and is not kept any more.
    fn take_idle(&mut self, key: &Key) -> Option<(http1::Handle, Arc<Link>)> {
        let idle = self.sites.get_mut(key)?.idle.pop()?;
        self.counts.remove(&key.party, 1);
        Some(idle)
    }

    /// The place for one connection more, which is counted.
    fn counted(&mut self, key: &Key) -> &mut Site {
        self.counts.add(&key.party, 1);
        self.sites.entry(key.clone()).or_default()
    }

    /// Ends every connection that is idle; false if there is none. They leave the pool as they end.
    fn shed(&self) -> bool {
        let links = self
            .sites
            .values()
            .flat_map(|site| site.idle.iter().map(|(_, link)| link).chain(site.shared.iter().map(|(_, link)| link)));
        let mut idle = links.filter(|link| link.active() == 0).peekable();
        let found = idle.peek().is_some();
        idle.for_each(|link| link.retire());
        found
    }

    fn forget(&mut self, key: &Key, link: &Arc<Link>) {
        let Some(site) = self.sites.get_mut(key) else { return };
        let before = site.idle.len() + site.shared.len();
        site.idle.retain(|(_, other)| !Arc::ptr_eq(other, link));
        site.shared.retain(|(_, other)| !Arc::ptr_eq(other, link));
        let after = site.idle.len() + site.shared.len();
        if after == 0 {
            self.sites.remove(key);
        }
        self.counts.remove(&key.party, u32::try_from(before - after).unwrap_or(u32::MAX));
    }
}
