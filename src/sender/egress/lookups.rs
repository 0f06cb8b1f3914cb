//! Looking up names for many tenants, some of whose names are bait.
//!
//! 1. All who wait for one name wait for one look-up. It goes on when they have left, because a look-up cannot always be
//!    stopped, and what it learns is kept as long as the resolver says.
//! 2. Look-ups under way are bounded, and so is a tenant's share of them, and what waits for its turn.
//! 3. A name that was known before is answered from what was known, for a while, when it cannot be looked up in time. Whoever
//!    makes the resolver slow does not stop those whose names it has learnt.

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
use super::resolve::{LookUp, Resolve};
use super::shares::{Party, Shares};
use crate::clock::Clock;

/// How long one look-up may take. Nobody waits that long; it holds a place.
const LONGEST: Duration = Duration::from_secs(60);

/// How long addresses may be used beyond their time, when they cannot be looked up.
const STALE_FOR: Duration = Duration::from_secs(600);

/// Who has something to fall back on waits this part of what the others wait.
const SHORTER_WAIT: u32 = 6;

/// A failure that comes sooner is an answer; a later one is the silence of a name server.
const QUICK: Duration = Duration::from_secs(1);

/// Names that are remembered.
const MOST_KNOWN: usize = 4096;

/// Most addresses that are kept of one name. All are judged first by those who asked.
const MOST_ADDRESSES: usize = 256;

type Answer = Result<Arc<[IpAddr]>, Arc<io::Error>>;

/// A bounded resolver. Clones share everything.
#[derive(Clone)]
pub(in crate::sender) struct Lookups(Arc<Shared>);

struct Shared {
    resolver: Arc<dyn Resolve>,
    clock: Arc<dyn Clock>,
    known: Cache<Box<str>, Known>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    shares: Shares,
    flights: HashMap<Box<str>, Flight>,
}

/// A look-up that somebody waits for, or that is under way.
#[derive(Debug)]
struct Flight {
    is_under_way: bool,
    /// The tenants in whose queues it waits.
    lines: Vec<Party>,
    answer: watch::Sender<Option<Answer>>,
}

/// What was learnt of a name, and until when it counts, in uptime.
#[derive(Clone, Debug)]
struct Known {
    answer: Answer,
    until: Duration,
    /// What was known before a failure that says nothing.
    fallback: Option<(Arc<[IpAddr]>, Duration)>,
}

impl fmt::Debug for Lookups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookups").field("resolver", &self.0.resolver).finish_non_exhaustive()
    }
}

impl Lookups {
    pub(in crate::sender) fn new(resolver: Arc<dyn Resolve>, clock: Arc<dyn Clock>) -> Self {
        let state = State { shares: Shares::new(resolver.at_once()), flights: HashMap::new() };
        Self(Arc::new(Shared { resolver, clock, known: Cache::new(MOST_KNOWN), state: Mutex::new(state) }))
    }

    /// The addresses of a name, within a budget.
    pub(super) async fn resolve(
        &self,
        party: &Party,
        host: &str,
        budget: Duration,
    ) -> Result<Arc<[IpAddr]>, ConnectError> {
        let known = self.0.known.get(host);
        if let Some(known) = known.filter(|known| self.0.clock.uptime() < known.until) {
            return known.answer.map_err(ConnectError::Resolve);
        }
        let wait = if self.fallback(host).is_some() { budget / SHORTER_WAIT } else { budget };
        let answer = match self.join(party, host) {
            Some(flight) => self.wait(flight, host, wait).await,
            None => Err(ConnectError::Busy),
        };
        answer.or_else(|error| self.fallback(host).ok_or(error))
    }

    async fn wait(
        &self,
        mut flight: watch::Receiver<Option<Answer>>,
        host: &str,
        wait: Duration,
    ) -> Result<Arc<[IpAddr]>, ConnectError> {
        let lost = || Arc::new(io::Error::other("the look-up was lost"));
        match timeout(wait, flight.wait_for(Option::is_some)).await {
            Ok(Ok(answer)) => answer.clone().unwrap_or_else(|| Err(lost())).map_err(ConnectError::Resolve),
            Ok(Err(_)) => Err(ConnectError::Resolve(lost())),
            Err(_) if self.is_under_way(host) => Err(ConnectError::ResolveTimeout),
            Err(_) => Err(ConnectError::Busy),
        }
    }

    /// What was known before, and may still be used where nothing better can be learnt.
    fn fallback(&self, host: &str) -> Option<Arc<[IpAddr]>> {
        let now = self.0.clock.uptime();
        let fallback = self.0.known.get(host).and_then(|known| known.fallback);
        fallback.filter(|(_, until)| now < *until).map(|(addresses, _)| addresses)
    }

    /// Waits for the look-up of a name; `None` when too many wait already. A look-up that waits in another tenant's
    /// queue is put into this tenant's queue too, and made once, at the first turn of either.
    fn join(&self, party: &Party, host: &str) -> Option<watch::Receiver<Option<Answer>>> {
        let mut state = self.state();
        let State { shares, flights } = &mut *state;
        let stands = |flight: &Flight| flight.is_under_way || flight.lines.contains(party);
        if !flights.get(host).is_some_and(stands) && !shares.push(party, host, |name| is_waited_for(flights, name)) {
            return None;
        }
        let flight = flights.entry(host.into()).or_insert_with(Flight::waiting);
        if !stands(flight) {
            flight.lines.push(party.clone());
        }
        let receiver = flight.answer.subscribe();
        drop(state);
        self.start();
        Some(receiver)
    }

    fn is_under_way(&self, host: &str) -> bool {
        self.state().flights.get(host).is_some_and(|flight| flight.is_under_way)
    }

    /// Starts what there is room for. Each look-up ends by itself, within [`LONGEST`].
    fn start(&self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        loop {
            // Not in the head of the loop: the lock would be held while a runtime that is shutting down drops the task.
            let next = self.state().next();
            let Some((party, host)) = next else { return };
            let place = Place { lookups: self.clone(), party, host };
            runtime.spawn(place.look_up());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, host: &str, answer: &Answer, keep: Duration, took: Duration) {
        if keep.is_zero() {
            return;
        }
        let now = self.0.clock.uptime();
        let fallback = match answer {
            Ok(addresses) => Some((addresses.clone(), now.saturating_add(keep).saturating_add(STALE_FOR))),
            // Silence says nothing about what was known; a quick no does.
            Err(_) if took < QUICK => None,
            Err(_) => self.0.known.get(host).and_then(|known| known.fallback),
        };
        // Who made others wait waits as long.
        let keep = if answer.is_ok() { keep } else { keep.max(took) };
        let until = if answer.is_err() && fallback.is_some() { now } else { now.saturating_add(keep) };
        self.0.known.insert(host.into(), Known { answer: answer.clone(), until, fallback });
    }
}

impl State {
    /// The next name to look up. Names for which nobody waits any more are forgotten on the way.
    fn next(&mut self) -> Option<(Party, Box<str>)> {
        let Self { shares, flights } = self;
        let next = shares.pop(|name| is_waited_for(flights, name));
        flights.retain(|_, flight| flight.is_under_way || !flight.answer.is_closed());
        if let Some(flight) = next.as_ref().and_then(|(_, host)| flights.get_mut(host)) {
            flight.is_under_way = true;
        }
        next
    }
}

impl Flight {
    fn waiting() -> Self {
        Self { is_under_way: false, lines: Vec::new(), answer: watch::Sender::new(None) }
    }
}

/// Whether somebody waits for a look-up that has not begun.
fn is_waited_for(flights: &HashMap<Box<str>, Flight>, name: &str) -> bool {
    flights.get(name).is_some_and(|flight| !flight.is_under_way && !flight.answer.is_closed())
}

/// A look-up that is under way. Its place is free when it is dropped, whatever became of it.
struct Place {
    lookups: Lookups,
    party: Party,
    host: Box<str>,
}

impl Place {
    async fn look_up(self) {
        let shared = &self.lookups.0;
        let began = shared.clock.uptime();
        let found = timeout(LONGEST, shared.resolver.look_up(&self.host)).await;
        let LookUp { answer, keep } =
            found.unwrap_or_else(|_| LookUp { answer: Err(io::ErrorKind::TimedOut.into()), keep: Duration::ZERO });
        let answer = answer.map_err(Arc::new).map(|mut addresses| {
            addresses.truncate(MOST_ADDRESSES);
            Arc::from(addresses)
        });
        self.lookups.remember(&self.host, &answer, keep, shared.clock.uptime().saturating_sub(began));
        if let Some(flight) = self.lookups.state().flights.get(&self.host) {
            flight.answer.send_replace(Some(answer));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.lookups.state();
        state.flights.remove(&self.host);
        state.shares.done(&self.party);
        drop(state);
        self.lookups.start();
    }
}
