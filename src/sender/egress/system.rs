//! The operating system's resolver, on threads of its own.
//!
//! `getaddrinfo` blocks a thread and cannot be abandoned: a name whose servers are silent holds one for ten seconds and more.
//! On the runtime's blocking pool such names would stop the application's own file access, so they get few threads here, and
//! nobody else's.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::resolve::{LookUp, Resolve};

/// Most threads, for all senders of the process.
const MOST_THREADS: usize = 16;

/// How long a thread waits for another name.
const REST: Duration = Duration::from_secs(10);

/// How long addresses are kept. The system does not tell their time to live.
const KEEP_ADDRESSES: Duration = Duration::from_secs(30);

/// How long a failure is kept at least.
const KEEP_FAILURES: Duration = Duration::from_secs(5);

/// The operating system's resolver: `getaddrinfo`, on at most 16 threads of its own for the whole process.
///
/// Addresses are kept for 30 s and failures for 5 s. By default names are absolute: one with a dot in it is asked for as fully
/// qualified, so that a search domain cannot complete it to a name of the local network.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver {
    rules: Rules,
}

#[derive(Clone, Copy, Debug, Default)]
enum Rules {
    #[default]
    Absolute,
    Host,
}

impl SystemResolver {
    /// Names are read as the host's own programs read them: with its hosts file (`/etc/hosts`), and with the search domains
    /// of its `resolv.conf`, which short names inside a cluster need. A tenant who can register an endpoint can then try names
    /// that only mean something on this host; the [`EgressPolicy`](super::EgressPolicy) still judges each name and address.
    #[must_use]
    pub const fn by_host_rules(mut self) -> Self {
        self.rules = Rules::Host;
        self
    }
}

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let qualified = matches!(self.rules, Rules::Absolute) && host.contains('.') && !host.ends_with('.');
        let name = if qualified { format!("{host}.") } else { host.to_owned() };
        let (answer, answered) = oneshot::channel();
        THREADS.take(Job { name, answer })?;
        answered.await.unwrap_or_else(|_| Err(io::Error::other("the resolver's thread has ended")))
    }

    async fn look_up(&self, host: &str) -> LookUp {
        let answer = self.resolve(host).await;
        let keep = if answer.is_ok() { KEEP_ADDRESSES } else { KEEP_FAILURES };
        LookUp { answer, keep }
    }

    fn at_once(&self) -> usize {
        MOST_THREADS
    }
}

static THREADS: Threads = Threads::new();

/// A name to look up.
struct Job {
    name: String,
    answer: oneshot::Sender<io::Result<Vec<IpAddr>>>,
}

/// Threads that come when there are names and go when there are none.
struct Threads {
    work: Mutex<Work>,
    more: Condvar,
}

struct Work {
    jobs: VecDeque<Job>,
    threads: usize,
    resting: usize,
}

impl Threads {
    const fn new() -> Self {
        Self { work: Mutex::new(Work { jobs: VecDeque::new(), threads: 0, resting: 0 }), more: Condvar::new() }
    }

    fn take(&'static self, job: Job) -> io::Result<()> {
        let mut work = self.work();
        if work.resting <= work.jobs.len() && work.threads < MOST_THREADS {
            match thread::Builder::new().name("hookwire-names".into()).spawn(|| self.serve()) {
                Ok(_) => work.threads += 1,
                Err(error) if work.threads == 0 => return Err(error),
                Err(error) => tracing::debug!(%error, "no further thread for names"),
            }
        }
        work.jobs.push_back(job);
        self.more.notify_one();
        Ok(())
    }

    fn serve(&self) {
        let mut work = self.work();
        loop {
            let Some(job) = work.jobs.pop_front() else {
                work.resting += 1;
                let (back, rest) = self.more.wait_timeout(work, REST).unwrap_or_else(PoisonError::into_inner);
                work = back;
                work.resting -= 1;
                if rest.timed_out() && work.jobs.is_empty() {
                    work.threads -= 1;
                    return;
                }
                continue;
            };
            drop(work);
            job.run();
            work = self.work();
        }
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    fn run(self) {
        if self.answer.is_closed() {
            return;
        }
        let looked_up = (self.name.as_str(), 0).to_socket_addrs();
        let addresses = looked_up.map(|found| found.map(|address| address.ip()).collect());
        if self.answer.send(addresses).is_err() {
            tracing::trace!("a name was looked up for nobody");
        }
    }
}
