//! The operating system's resolver, on threads of its own.
//!
//! `getaddrinfo` blocks a thread and cannot be cancelled. A name whose servers never reply blocks a thread for ten seconds or
//! more. On the runtime's blocking pool such names would stop the application's file access, so lookups have a small thread
//! pool of their own.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::resolve::Resolve;

/// Maximum number of threads, for all senders of the process together.
const MAX_THREADS: usize = 16;

/// How long an idle thread waits for another name before it ends.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long addresses are cached. `getaddrinfo` does not return the TTL.
const ADDRESS_TTL: Duration = Duration::from_secs(30);

/// How long a failure is cached at least.
const FAILURE_TTL: Duration = Duration::from_secs(5);

/// The operating system's resolver: `getaddrinfo`, on at most 16 threads of its own for the whole process.
///
/// Addresses are cached for 30 s and failures for 5 s. By default a name that contains a dot counts as fully qualified. So a search
/// domain cannot turn it into a name of the local network.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver {
    rules: NameRules,
}

#[derive(Clone, Copy, Debug, Default)]
enum NameRules {
    #[default]
    FullyQualified,
    System,
}

impl SystemResolver {
    /// Resolves names like other programs on this host: with its hosts file (`/etc/hosts`), and with the search domains of its
    /// `resolv.conf`, which short names inside a cluster need.
    ///
    /// A tenant who can register an endpoint can then use names that exist only on this host or in its network. The
    /// [`EgressPolicy`](super::EgressPolicy) still checks each name and address.
    ///
    /// ```
    /// use hookwire::sender::egress::{Resolve as _, SystemResolver};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let resolver = SystemResolver::default().hosts_and_search_domains();
    /// assert!(resolver.resolve("localhost").await?.iter().all(|address| address.is_loopback()));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn hosts_and_search_domains(mut self) -> Self {
        self.rules = NameRules::System;
        self
    }
}

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let qualified = matches!(self.rules, NameRules::FullyQualified) && host.contains('.') && !host.ends_with('.');
        let name = if qualified { format!("{host}.") } else { host.to_owned() };
        let (result, received) = oneshot::channel();
        THREADS.submit(Job { name, result })?;
        received.await.unwrap_or_else(|_| Err(io::Error::other("the resolver's thread has ended")))
    }

    async fn lookup(&self, host: &str) -> (io::Result<Vec<IpAddr>>, Duration) {
        let result = self.resolve(host).await;
        let ttl = if result.is_ok() { ADDRESS_TTL } else { FAILURE_TTL };
        (result, ttl)
    }

    fn max_concurrent(&self) -> usize {
        MAX_THREADS
    }
}

static THREADS: ThreadPool = ThreadPool::new();

/// A name to look up.
struct Job {
    name: String,
    result: oneshot::Sender<io::Result<Vec<IpAddr>>>,
}

/// A thread pool that grows while names wait, and whose idle threads end after [`IDLE_TIMEOUT`].
struct ThreadPool {
    state: Mutex<PoolState>,
    job_added: Condvar,
}

struct PoolState {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

impl ThreadPool {
    const fn new() -> Self {
        let state = PoolState { jobs: VecDeque::new(), threads: 0, idle: 0 };
        Self { state: Mutex::new(state), job_added: Condvar::new() }
    }

    fn submit(&'static self, job: Job) -> io::Result<()> {
        let mut state = self.state();
        if state.idle <= state.jobs.len() && state.threads < MAX_THREADS {
            match thread::Builder::new().name("hookwire-names".into()).spawn(|| self.run()) {
                Ok(_) => state.threads += 1,
                Err(error) if state.threads == 0 => return Err(error),
                Err(error) => tracing::debug!(%error, "a further resolver thread could not be started"),
            }
        }
        state.jobs.push_back(job);
        self.job_added.notify_one();
        Ok(())
    }

    fn run(&self) {
        let mut state = self.state();
        loop {
            let Some(job) = state.jobs.pop_front() else {
                state.idle += 1;
                let (guard, wait) =
                    self.job_added.wait_timeout(state, IDLE_TIMEOUT).unwrap_or_else(PoisonError::into_inner);
                state = guard;
                state.idle -= 1;
                if wait.timed_out() && state.jobs.is_empty() {
                    state.threads -= 1;
                    return;
                }
                continue;
            };
            drop(state);
            job.run();
            state = self.state();
        }
    }

    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    fn run(self) {
        if self.result.is_closed() {
            return;
        }
        let looked_up = (self.name.as_str(), 0).to_socket_addrs();
        let addresses = looked_up.map(|found| found.map(|address| address.ip()).collect());
        if self.result.send(addresses).is_err() {
            tracing::trace!("a lookup finished after its requester had left");
        }
    }
}
