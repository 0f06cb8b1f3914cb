//! One resolver for all tenants: bounded, fair, and with a cache.
//!
//! A tenant can register names whose name servers never reply. Such names must not stop the lookups of other tenants:
//!
//! 1. All requests that wait for one name share one lookup. The lookup continues after they have given up, because not every
//!    resolver can cancel one. Its result is cached for the resolver's TTL.
//! 2. The number of running lookups is bounded, and so are each tenant's share of them and its queue.
//! 3. If a name cannot be looked up in time, its previous addresses are used for a while. A slow resolver therefore does not
//!    stop requests to names that are already known.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::sync::watch;
use tokio::time::timeout;

use super::error::ConnectError;
use super::fair_queue::FairQueue;
use super::resolve::Resolve;
use crate::clock::Clock;
use crate::id::Tenant;

/// How long one lookup may run. Requests give up earlier, but the lookup keeps its slot.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(60);

/// How long addresses may be used after their TTL if a new lookup fails.
const STALE_FOR: Duration = Duration::from_secs(600);

/// A request that has stale addresses to fall back on waits only this fraction of its budget for a new lookup.
const STALE_WAIT_DIVISOR: u32 = 6;

/// A failure within this time is a reply of the name server. A later failure means that the name server did not reply.
const QUICK_FAILURE: Duration = Duration::from_secs(1);

/// Maximum number of names in the cache.
const MAX_CACHED_NAMES: usize = 4096;

/// Maximum number of addresses that are cached for one name.
const MAX_ADDRESSES: usize = 256;

type LookupResult = Result<Arc<[IpAddr]>, Arc<io::Error>>;

/// A bounded, caching resolver. Clones share all state.
#[derive(Clone)]
pub(in crate::sender) struct SharedResolver(Arc<Shared>);

struct Shared {
    resolver: Arc<dyn Resolve>,
    clock: Arc<dyn Clock>,
    cache: Cache<Box<str>, CacheEntry>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    queue: FairQueue,
    pending: HashMap<Box<str>, PendingLookup>,
}

/// A lookup that is queued or running.
#[derive(Debug)]
struct PendingLookup {
    is_running: bool,
    /// The tenants in whose queues the name is.
    queued_for: Vec<Option<Tenant>>,
    result: watch::Sender<Option<LookupResult>>,
}

/// The cached result for one name. Times are uptime.
#[derive(Clone, Debug)]
struct CacheEntry {
    result: LookupResult,
    fresh_until: Duration,
    /// Addresses that may be used if a new lookup fails, and until when.
    stale: Option<(Arc<[IpAddr]>, Duration)>,
}

impl fmt::Debug for SharedResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedResolver").field("resolver", &self.0.resolver).finish_non_exhaustive()
    }
}

impl SharedResolver {
    pub(in crate::sender) fn new(resolver: Arc<dyn Resolve>, clock: Arc<dyn Clock>) -> Self {
        let state = State { queue: FairQueue::new(resolver.max_concurrent()), pending: HashMap::new() };
        Self(Arc::new(Shared { resolver, clock, cache: Cache::new(MAX_CACHED_NAMES), state: Mutex::new(state) }))
    }

    /// Returns the addresses of `host` within `budget`.
    pub(super) async fn resolve(
        &self,
        tenant: &Option<Tenant>,
        host: &str,
        budget: Duration,
    ) -> Result<Arc<[IpAddr]>, ConnectError> {
        let cached = self.0.cache.get(host);
        if let Some(entry) = cached.filter(|entry| self.0.clock.uptime() < entry.fresh_until) {
            return entry.result.map_err(ConnectError::Resolve);
        }
        let wait = if self.stale(host).is_some() { budget / STALE_WAIT_DIVISOR } else { budget };
        let result = match self.join(tenant, host) {
            Some(pending) => self.wait(pending, host, wait).await,
            None => Err(ConnectError::TooManyLookups),
        };
        result.or_else(|error| self.stale(host).ok_or(error))
    }

    async fn wait(
        &self,
        mut pending: watch::Receiver<Option<LookupResult>>,
        host: &str,
        wait: Duration,
    ) -> Result<Arc<[IpAddr]>, ConnectError> {
        let lost = || Arc::new(io::Error::other("the lookup was dropped"));
        match timeout(wait, pending.wait_for(Option::is_some)).await {
            Ok(Ok(result)) => result.clone().unwrap_or_else(|| Err(lost())).map_err(ConnectError::Resolve),
            Ok(Err(_)) => Err(ConnectError::Resolve(lost())),
            Err(_) if self.is_running(host) => Err(ConnectError::ResolveTimeout),
            Err(_) => Err(ConnectError::TooManyLookups),
        }
    }

    /// Returns the addresses that may be used if a new lookup fails.
    fn stale(&self, host: &str) -> Option<Arc<[IpAddr]>> {
        let now = self.0.clock.uptime();
        let stale = self.0.cache.get(host).and_then(|entry| entry.stale);
        stale.filter(|(_, until)| now < *until).map(|(addresses, _)| addresses)
    }

    /// Subscribes to the lookup of a name; `None` if the tenant's queue is full. If the name is queued for another tenant only,
    /// it is queued for this tenant too. The lookup runs once, when the first of them has its turn.
    fn join(&self, tenant: &Option<Tenant>, host: &str) -> Option<watch::Receiver<Option<LookupResult>>> {
        let mut state = self.state();
        let State { queue, pending } = &mut *state;
        let is_queued = |lookup: &PendingLookup| lookup.is_running || lookup.queued_for.contains(tenant);
        if !pending.get(host).is_some_and(is_queued) && !queue.push(tenant, host, |name| is_awaited(pending, name)) {
            return None;
        }
        let lookup = pending.entry(host.into()).or_insert_with(PendingLookup::new);
        if !is_queued(lookup) {
            lookup.queued_for.push(tenant.clone());
        }
        let receiver = lookup.result.subscribe();
        drop(state);
        self.start_next();
        Some(receiver)
    }

    fn is_running(&self, host: &str) -> bool {
        self.state().pending.get(host).is_some_and(|lookup| lookup.is_running)
    }

    /// Starts queued lookups while slots are free. Each lookup ends within [`LOOKUP_TIMEOUT`].
    fn start_next(&self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        loop {
            // This is not in the `while let` itself, because the lock would then be held in the body of the loop. A runtime that
            // shuts down drops the task there, and the drop takes the lock again.
            let next = self.state().next();
            let Some((tenant, host)) = next else { return };
            let running = RunningLookup { resolver: self.clone(), tenant, host };
            runtime.spawn(running.run());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self, host: &str, result: &LookupResult, ttl: Duration, took: Duration) {
        if ttl.is_zero() {
            return;
        }
        let now = self.0.clock.uptime();
        let stale = match result {
            Ok(addresses) => Some((addresses.clone(), now.saturating_add(ttl).saturating_add(STALE_FOR))),
            // A quick failure is the name server's reply: the previous addresses are wrong. After a slow failure they may be right.
            Err(_) if took < QUICK_FAILURE => None,
            Err(_) => self.0.cache.get(host).and_then(|entry| entry.stale),
        };
        // A failed lookup is not repeated for at least as long as it took, so that slow names use few slots.
        let ttl = if result.is_ok() { ttl } else { ttl.max(took) };
        let fresh_until = if result.is_err() && stale.is_some() { now } else { now.saturating_add(ttl) };
        self.0.cache.insert(host.into(), CacheEntry { result: result.clone(), fresh_until, stale });
    }
}

impl State {
    /// Returns the next name to look up, and removes the names that no request waits for.
    fn next(&mut self) -> Option<(Option<Tenant>, Box<str>)> {
        let Self { queue, pending } = self;
        let next = queue.pop(|name| is_awaited(pending, name));
        pending.retain(|_, lookup| lookup.is_running || !lookup.result.is_closed());
        if let Some(lookup) = next.as_ref().and_then(|(_, host)| pending.get_mut(host)) {
            lookup.is_running = true;
        }
        next
    }
}

impl PendingLookup {
    fn new() -> Self {
        Self { is_running: false, queued_for: Vec::new(), result: watch::Sender::new(None) }
    }
}

/// Whether a request waits for a lookup that has not started.
fn is_awaited(pending: &HashMap<Box<str>, PendingLookup>, name: &str) -> bool {
    pending.get(name).is_some_and(|lookup| !lookup.is_running && !lookup.result.is_closed())
}

/// A running lookup. Its slot is released when it is dropped, also after a panic or a cancellation.
struct RunningLookup {
    resolver: SharedResolver,
    tenant: Option<Tenant>,
    host: Box<str>,
}

impl RunningLookup {
    async fn run(self) {
        let shared = &self.resolver.0;
        let started = shared.clock.uptime();
        let found = timeout(LOOKUP_TIMEOUT, shared.resolver.lookup(&self.host)).await;
        let (result, ttl) = found.unwrap_or_else(|_| (Err(io::ErrorKind::TimedOut.into()), Duration::ZERO));
        let result = result.map_err(Arc::new).map(|mut addresses| {
            addresses.truncate(MAX_ADDRESSES);
            Arc::from(addresses)
        });
        self.resolver.store(&self.host, &result, ttl, shared.clock.uptime().saturating_sub(started));
        if let Some(lookup) = self.resolver.state().pending.get(&self.host) {
            lookup.result.send_replace(Some(result));
        }
    }
}

impl Drop for RunningLookup {
    fn drop(&mut self) {
        let mut state = self.resolver.state();
        state.pending.remove(&self.host);
        state.queue.release(&self.tenant);
        drop(state);
        self.resolver.start_next();
    }
}
