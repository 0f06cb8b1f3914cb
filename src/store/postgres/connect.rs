//! Connections: connects to the server that accepts writes, with a time limit for each server, and watches the connections.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool_postgres::{Connect, Metrics};
use futures_util::future::poll_fn;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::{Host, LoadBalanceHosts, TargetSessionAttrs};
use tokio_postgres::error::DbError;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{AsyncMessage, CancelToken, Client, Config, Connection, Error, Socket};

use crate::clock::{Clock, SystemClock};
use crate::entropy;

/// The time limit for connecting to one of several servers, unless the configuration has a `connect_timeout`.
const BUDGET: Duration = Duration::from_secs(2);

/// The number of addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;

/// The time limit of a request to cancel a statement.
const CANCEL: Duration = Duration::from_secs(2);

/// Makes connections for the pool and for the listening task.
pub(super) struct Connector<T> {
    tls: T,
    failed: Arc<FailedAddresses>,
}

impl<T: Clone> Clone for Connector<T> {
    fn clone(&self) -> Self {
        Self { tls: self.tls.clone(), failed: self.failed.clone() }
    }
}

/// An address of a server: the index of its host, and one of the host's IP addresses.
type Address = (usize, Option<IpAddr>);

/// Addresses whose last connection attempt failed, the oldest failure first. They are tried last.
#[derive(Debug, Default)]
struct FailedAddresses(Mutex<Vec<Address>>);

impl FailedAddresses {
    fn known(&self) -> MutexGuard<'_, Vec<Address>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, address: Address, failed: bool) {
        let mut known = self.known();
        known.retain(|other| *other != address);
        if failed {
            known.push(address);
        }
        // The addresses of a name may change without limit.
        let excess = known.len().saturating_sub(4 * MAX_ADDRESSES);
        known.drain(..excess);
    }

    fn order(&self, candidates: &mut [(Address, Config)]) {
        let known = self.known();
        candidates.sort_by_key(|(address, _)| known.iter().position(|failed| failed == address).map_or(0, |at| at + 1));
    }
}

/// The time limit for each address; `None` if there is only one, because giving up early gains nothing then.
pub(super) fn budget(config: &Config) -> Option<Duration> {
    let given = config.get_connect_timeout().copied();
    if hosts(config) > 1 { Some(given.unwrap_or(BUDGET)) } else { given }
}

/// The number of hosts.
pub(super) fn hosts(config: &Config) -> usize {
    config.get_hosts().len().max(config.get_hostaddrs().len())
}

impl<T> Connector<T>
where
    T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
    T::Stream: Send,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    pub(super) fn new(tls: T) -> Self {
        Self { tls, failed: Arc::default() }
    }

    /// Connects to the first address that responds in time; if there are several hosts, the server must accept writes. If no address
    /// responds, all are tried again without end, so the caller must set a time limit.
    pub(super) async fn connect_any(&self, config: &Config) -> Result<(Client, Connection<Socket, T::Stream>), Error> {
        let budget = budget(config);
        loop {
            let mut failure = None;
            let mut candidates = candidates(config, budget).await;
            self.failed.order(&mut candidates);
            if candidates.is_empty() {
                return config.connect(self.tls.clone()).await;
            }
            for (address, config) in candidates {
                let connecting = config.connect(self.tls.clone());
                let connected = match budget {
                    Some(budget) => timeout(budget, connecting).await.ok(),
                    None => Some(connecting.await),
                };
                self.failed.record(address, !matches!(connected, Some(Ok(_))));
                match connected {
                    Some(Ok(connected)) => return Ok(connected),
                    Some(Err(error)) => failure = Some(error),
                    None => {
                        tracing::info!(
                            host = address.0,
                            "PostgreSQL: a host did not respond in time; trying the next one"
                        );
                    }
                }
            }
            if let Some(error) = failure {
                return Err(error);
            }
        }
    }

    /// Returns a handle that cancels the running statement of a connection, so that a call without a waiting caller holds no locks.
    pub(super) fn canceller(&self) -> Canceller {
        let tls = self.tls.clone();
        Canceller(Arc::new(move |token: CancelToken| {
            let tls = tls.clone();
            Box::pin(async move {
                if let Ok(Err(error)) = timeout(CANCEL, token.cancel_query(tls)).await {
                    tracing::debug!(%error, "PostgreSQL: a running statement could not be cancelled");
                }
            })
        }))
    }
}

impl<T> Connect for Connector<T>
where
    T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
    T::Stream: Send + Sync,
    T::TlsConnect: Send + Sync,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    fn connect(
        &self,
        config: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        let config = config.clone();
        Box::pin(async move {
            let (client, connection) = self.connect_any(&config).await?;
            let driver = tokio::spawn(async move {
                if let Err(error) = drive(connection).await {
                    tracing::info!(%error, "PostgreSQL: a connection was lost");
                }
            });
            Ok((client, driver))
        })
    }
}

/// All addresses, each with its own configuration.
async fn candidates(config: &Config, budget: Option<Duration>) -> Vec<(Address, Config)> {
    let mut candidates = Vec::new();
    for index in 0..hosts(config) {
        let host = config.get_hosts().get(index);
        let port = config.get_ports().get(index).or_else(|| config.get_ports().first()).copied();
        let addresses = match (config.get_hostaddrs().get(index), host) {
            (Some(address), _) => vec![*address],
            (None, Some(Host::Tcp(name))) => resolve(name, budget).await,
            _ => Vec::new(),
        };
        let one = |address| ((index, address), single(config, host, address, port));
        if addresses.is_empty() {
            candidates.push(one(None));
        }
        candidates.extend(addresses.into_iter().take(MAX_ADDRESSES).map(|address| one(Some(address))));
    }
    if config.get_load_balance_hosts() == LoadBalanceHosts::Random && !candidates.is_empty() {
        let first = (entropy::fraction() * candidates.len() as f64) as usize % candidates.len();
        candidates.rotate_left(first);
    }
    candidates
}

/// The addresses of a name; none if the lookup fails, and then connecting returns the error.
async fn resolve(name: &str, budget: Option<Duration>) -> Vec<IpAddr> {
    let looking = tokio::net::lookup_host((name, 0));
    let found = match budget {
        Some(budget) => timeout(budget, looking).await.ok().and_then(Result::ok),
        None => looking.await.ok(),
    };
    found.map(|found| found.map(|address: SocketAddr| address.ip()).collect()).unwrap_or_default()
}

/// The configuration reduced to one address.
fn single(all: &Config, host: Option<&Host>, address: Option<IpAddr>, port: Option<u16>) -> Config {
    let mut one = Config::new();
    one.ssl_mode(all.get_ssl_mode()).ssl_negotiation(all.get_ssl_negotiation());
    one.channel_binding(all.get_channel_binding()).keepalives(all.get_keepalives());
    one.keepalives_idle(all.get_keepalives_idle());
    match host {
        Some(Host::Tcp(name)) => drop(one.host(name)),
        #[cfg(unix)]
        Some(Host::Unix(path)) => drop(one.host_path(path)),
        None => {}
    }
    address.map(|address| one.hostaddr(address));
    port.map(|port| one.port(port));
    all.get_user().map(|user| one.user(user));
    all.get_password().map(|password| one.password(password));
    all.get_dbname().map(|name| one.dbname(name));
    all.get_options().map(|options| one.options(options));
    all.get_application_name().map(|name| one.application_name(name));
    all.get_connect_timeout().map(|span| one.connect_timeout(*span));
    all.get_tcp_user_timeout().map(|span| one.tcp_user_timeout(*span));
    all.get_keepalives_interval().map(|span| one.keepalives_interval(span));
    all.get_keepalives_retries().map(|count| one.keepalives_retries(count));
    // Only one of several hosts accepts writes, and the store needs that one.
    let wanted = match all.get_target_session_attrs() {
        TargetSessionAttrs::Any if hosts(all) > 1 => TargetSessionAttrs::ReadWrite,
        wanted => wanted,
    };
    one.target_session_attrs(wanted);
    one
}

/// Reads and writes the messages of a connection, until it is lost or its results can no longer be trusted.
async fn drive<S, T>(mut connection: Connection<S, T>) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        // The response to the commit follows this notice and reports success. It is not read: for the caller the connection is lost,
        // and the outcome is unknown.
        if let AsyncMessage::Notice(notice) = message?
            && is_unreplicated(&notice)
        {
            break;
        }
    }
    Ok(())
}

/// Whether a commit is on the primary, but may be on no standby, because its wait for replication was cancelled. The notice is recognized
/// by the name of the server's function: its code is not specific, and its text may be in any language.
fn is_unreplicated(notice: &DbError) -> bool {
    let unreplicated = notice.routine() == Some("SyncRepWaitForLSN");
    if unreplicated {
        tracing::warn!("PostgreSQL: a wait for synchronous replication was cancelled; the outcome is unknown");
    }
    unreplicated
}

/// Cancels the running statement of a connection.
#[derive(Clone)]
pub(super) struct Canceller(Arc<Cancel>);

type Cancel = dyn Fn(CancelToken) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

impl Canceller {
    pub(super) async fn cancel(&self, token: CancelToken) {
        (self.0)(token).await;
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Canceller")
    }
}

/// The time before which connections were discarded: older connections are not used again.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectionCutoff(Arc<AtomicU64>);

impl ConnectionCutoff {
    /// Discards all present connections.
    pub(super) fn discard_present(&self) {
        let now = u64::try_from(SystemClock.uptime().as_micros()).unwrap_or(u64::MAX);
        self.0.fetch_max(now.max(1), Ordering::Relaxed);
    }

    /// Whether a connection was made after the cutoff.
    pub(super) fn is_newer(&self, metrics: &Metrics) -> bool {
        let cutoff = Duration::from_micros(self.0.load(Ordering::Relaxed));
        cutoff.is_zero() || metrics.age() < SystemClock.uptime().saturating_sub(cutoff)
    }
}
