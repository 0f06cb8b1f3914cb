//! How a connection is made and watched: to the one of several servers that takes writes, each asked for a bounded time.

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

/// How long one of several servers is asked before the next one is, unless the configuration has a `connect_timeout`.
const BUDGET: Duration = Duration::from_secs(2);

/// At most so many addresses of one name are tried.
const MAX_ADDRESSES: usize = 8;

/// How long a request to cancel a statement may take.
const CANCEL: Duration = Duration::from_secs(2);

/// How a connection is made, for the pool and for whoever listens.
pub(super) struct Connector<T> {
    tls: T,
    failed: Arc<Failed>,
}

impl<T: Clone> Clone for Connector<T> {
    fn clone(&self) -> Self {
        Self { tls: self.tls.clone(), failed: self.failed.clone() }
    }
}

/// A place where a server may be: the number of its host, and one of the addresses of that.
type Place = (usize, Option<IpAddr>);

/// Places where no connection was made when they were last tried, the oldest failure first. They are tried last.
#[derive(Debug, Default)]
struct Failed(Mutex<Vec<Place>>);

impl Failed {
    fn known(&self) -> MutexGuard<'_, Vec<Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, place: Place, failed: bool) {
        let mut known = self.known();
        known.retain(|other| *other != place);
        if failed {
            known.push(place);
        }
        // Addresses of a name may change for ever.
        let excess = known.len().saturating_sub(4 * MAX_ADDRESSES);
        known.drain(..excess);
    }

    fn order(&self, candidates: &mut [(Place, Config)]) {
        let known = self.known();
        candidates.sort_by_key(|(place, _)| known.iter().position(|failed| failed == place).map_or(0, |at| at + 1));
    }
}

/// How long each place is asked; `None` where there is only one, because then nothing is gained by giving up early.
pub(super) fn budget(config: &Config) -> Option<Duration> {
    let given = config.get_connect_timeout().copied();
    if hosts(config) > 1 { Some(given.unwrap_or(BUDGET)) } else { given }
}

/// How many hosts there are.
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

    /// Connects to the first place that answers in time, and takes writes where there are several. Where all are silent they are
    /// asked again: the caller says how long that may go on.
    pub(super) async fn reach(&self, config: &Config) -> Result<(Client, Connection<Socket, T::Stream>), Error> {
        let budget = budget(config);
        loop {
            let mut failure = None;
            let mut candidates = candidates(config, budget).await;
            self.failed.order(&mut candidates);
            if candidates.is_empty() {
                return config.connect(self.tls.clone()).await;
            }
            for (place, config) in candidates {
                let connecting = config.connect(self.tls.clone());
                let connected = match budget {
                    Some(budget) => timeout(budget, connecting).await.ok(),
                    None => Some(connecting.await),
                };
                self.failed.note(place, !matches!(connected, Some(Ok(_))));
                match connected {
                    Some(Ok(connected)) => return Ok(connected),
                    Some(Err(error)) => failure = Some(error),
                    None => {
                        tracing::info!(
                            host = place.0,
                            "PostgreSQL: a host did not answer in time; trying the next one"
                        );
                    }
                }
            }
            if let Some(error) = failure {
                return Err(error);
            }
        }
    }

    /// Asks the server to stop what a connection is at, so that locks are not held for a call that nobody waits for.
    pub(super) fn canceller(&self) -> Canceller {
        let tls = self.tls.clone();
        Canceller(Arc::new(move |token: CancelToken| {
            let tls = tls.clone();
            Box::pin(async move {
                if let Ok(Err(error)) = timeout(CANCEL, token.cancel_query(tls)).await {
                    tracing::debug!(%error, "the server was not told to cancel a statement");
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
            let (client, connection) = self.reach(&config).await?;
            let driver = tokio::spawn(async move {
                if let Err(error) = drive(connection).await {
                    tracing::info!(%error, "PostgreSQL: a connection was lost");
                }
            });
            Ok((client, driver))
        })
    }
}

/// Every place with its own configuration.
async fn candidates(config: &Config, budget: Option<Duration>) -> Vec<(Place, Config)> {
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

/// The addresses of a name; none where that is not known, which connecting then says why.
async fn resolve(name: &str, budget: Option<Duration>) -> Vec<IpAddr> {
    let looking = tokio::net::lookup_host((name, 0));
    let found = match budget {
        Some(budget) => timeout(budget, looking).await.ok().and_then(Result::ok),
        None => looking.await.ok(),
    };
    found.map(|found| found.map(|address: SocketAddr| address.ip()).collect()).unwrap_or_default()
}

/// The same configuration for one place.
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
    // Of several hosts one takes writes, and no other is of any use.
    let wanted = match all.get_target_session_attrs() {
        TargetSessionAttrs::Any if hosts(all) > 1 => TargetSessionAttrs::ReadWrite,
        wanted => wanted,
    };
    one.target_session_attrs(wanted);
    one
}

/// Carries what is said over a connection, until it is lost or no longer to be believed.
async fn drive<S, T>(mut connection: Connection<S, T>) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        // The answer to the commit comes behind this and reads like a success. Whoever waits for it never gets it: to them the
        // connection is lost, and the outcome unknown.
        if let AsyncMessage::Notice(notice) = message?
            && is_unreplicated(&notice)
        {
            break;
        }
    }
    Ok(())
}

/// A commit stands on the primary and perhaps on no standby, because somebody has cancelled its wait. By the function that says
/// so: the code says nothing, and the text may be in any language.
fn is_unreplicated(notice: &DbError) -> bool {
    let unreplicated = notice.routine() == Some("SyncRepWaitForLSN");
    if unreplicated {
        tracing::warn!("PostgreSQL: a wait for synchronous replication was cancelled; the outcome is unknown");
    }
    unreplicated
}

/// Asks a server to stop what a connection is at.
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

/// Since when connections are worth something: those made before are not used again.
#[derive(Clone, Debug, Default)]
pub(super) struct Trust(Arc<AtomicU64>);

impl Trust {
    /// Trusts no connection that there is now.
    pub(super) fn withdraw(&self) {
        let now = u64::try_from(SystemClock.uptime().as_micros()).unwrap_or(u64::MAX);
        self.0.fetch_max(now.max(1), Ordering::Relaxed);
    }

    /// Whether a connection was made since.
    pub(super) fn holds(&self, metrics: &Metrics) -> bool {
        let withdrawn = Duration::from_micros(self.0.load(Ordering::Relaxed));
        withdrawn.is_zero() || metrics.age() < SystemClock.uptime().saturating_sub(withdrawn)
    }
}
