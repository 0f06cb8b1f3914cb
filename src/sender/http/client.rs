//! The client: makes one exchange, and repeats it once if that is safe.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, USER_AGENT};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Request};
use rustls::client::Resumption;

use super::super::config_error::SenderConfigError;
use super::super::egress::{Connector, LogicalTime, Opening, Refusal, SharedResolver, TlsSessions};
use super::connection::ConnectionLimits;
use super::error::ExchangeError;
use super::finish::MAX_HEAD_BYTES;
use super::options::{HttpOptions, Measured, Versions};
use super::pool::{Connection, Pool};
use super::response::{Exchanged, Failure, PartialResponse};
use super::tls;
use crate::clock::Clock;
use crate::endpoint::Target;
use crate::fetch::FetchError;
use crate::id::Tenant;
use crate::outcome::Report;

/// The number of servers whose TLS sessions are kept by default.
const SERVERS_WITH_SESSIONS: usize = 2_048;

/// Any media type is accepted, because only the status of a response counts. Some servers refuse requests without this header.
const ANY_TYPE: HeaderValue = HeaderValue::from_static("*/*");

/// Maximum number of bytes that are read of the response body of a delivery.
pub(in crate::sender) const MAX_BODY_BYTES: usize = 16 * 1024;

/// Bytes that a server may send for one response besides the body: the head, interim responses, the overhead of TLS and frames, and
/// what is read ahead of a body that is too long.
const MAX_OVERHEAD_BYTES: usize = 3 * MAX_HEAD_BYTES;

/// The progress timeout is this fraction of the exchange timeout. It limits the wait for the reply to a ping, and for the rest of
/// the request after a success.
const PROGRESS_DIVISOR: u32 = 4;

/// The write timeout is this fraction of the exchange timeout. It is larger because a server that reads slowly may still succeed.
const WRITE_DIVISOR: u32 = 2;

/// An HTTP client behind the egress guard. Cheap to clone. Clones share their connections.
///
/// A [`Sender`](crate::sender::Sender) makes its own client from [`HttpOptions`]. An application makes one only to fetch the
/// documents of providers: the client implements [`Fetch`](crate::fetch::Fetch).
///
/// ```
/// use std::sync::Arc;
///
/// use hookwire::clock::SystemClock;
/// use hookwire::fetch::{Fetch as _, FetchError};
/// use hookwire::sender::http::{HttpClient, HttpOptions};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hookwire::sender::SenderConfigError> {
/// let client = HttpClient::new(HttpOptions::default(), Arc::new(SystemClock))?;
/// let refused = client.fetch("https://169.254.169.254/latest", None, 1_024).await;
/// assert!(matches!(refused, Err(FetchError::Unreachable)), "the egress guard refuses metadata services");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct HttpClient {
    pool: Pool,
    exchange_timeout: Duration,
    user_agent: HeaderValue,
    measured: Measured,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("open_connections", &self.open_connections()).finish_non_exhaustive()
    }
}

impl HttpClient {
    /// Makes a client. It opens no connection yet.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// use hookwire::clock::SystemClock;
    /// use hookwire::sender::SenderConfigError;
    /// use hookwire::sender::http::{HttpClient, HttpOptions};
    ///
    /// let options = HttpOptions::default().exchange_timeout(Duration::ZERO);
    /// assert!(matches!(HttpClient::new(options, Arc::new(SystemClock)), Err(SenderConfigError::ZeroTimeout)));
    /// ```
    ///
    /// # Errors
    /// Returns [`SenderConfigError::ZeroTimeout`] if `exchange_timeout` is zero. Returns [`SenderConfigError::NoTls`] if the
    /// feature `ring` is off and `tls` is not set, and [`SenderConfigError::Tls`] if rustls rejects the default configuration.
    pub fn new(options: HttpOptions, clock: Arc<dyn Clock>) -> Result<Self, SenderConfigError> {
        let exchange_timeout = options.exchange_timeout;
        if exchange_timeout.is_zero() {
            return Err(SenderConfigError::ZeroTimeout);
        }
        let servers = options.tls_sessions.or_else(|| options.tls.is_none().then_some(SERVERS_WITH_SESSIONS));
        let mut tls = options.tls.map_or_else(tls::default_config, Ok)?;
        if servers == Some(0) {
            tls.resumption = Resumption::disabled();
        }
        if options.versions == Versions::Http1 {
            tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        } else if tls.alpn_protocols.is_empty() {
            tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        let connector = Connector {
            policy: options.egress,
            resolver: SharedResolver::new(options.resolver, clock.clone()),
            dialer: options.dialer,
            tls: Arc::new(tls),
            tls_sessions: servers.filter(|servers| *servers > 0).map(TlsSessions::of_servers),
            connect_timeout: options.connect_timeout,
            write_timeout: exchange_timeout / WRITE_DIVISOR,
            clock: clock.clone(),
        };
        let limits = ConnectionLimits {
            idle_timeout: options.idle_timeout,
            lifetime: options.connection_lifetime,
            exchange_timeout,
            progress_timeout: exchange_timeout / PROGRESS_DIVISOR,
        };
        let pool = Pool::new(connector, limits, options.sharing);
        Ok(Self { pool, exchange_timeout, user_agent: options.user_agent, measured: options.measured, clock })
    }

    /// Makes one exchange on behalf of a tenant, on connections that no other tenant uses
    /// ([`HttpOptions::share_connections`] changes that). `make` returns the request. It is called once more if the exchange is
    /// repeated on a new connection.
    ///
    /// # Errors
    /// Returns the error of `make`. Every failure of the exchange is part of the report.
    pub(crate) async fn exchange<E>(
        &self,
        tenant: Option<&Tenant>,
        mut make: impl FnMut() -> Result<Request<Bytes>, E>,
    ) -> Result<(Report, Exchanged), E> {
        // The request is made before the clock is read: the time to the first byte does not include the signature.
        let (tenant, request) = (&tenant.cloned(), make()?);
        let started = self.clock.uptime();
        let empty = || PartialResponse::new(&*self.clock, self.measured, started);
        let mut response = empty();
        let mut earlier = Duration::ZERO;
        let exchange = async {
            let first = self.try_once(Reuse::Allowed, tenant, request, &mut response).await;
            if first == TryResult::MayRepeat {
                tracing::debug!("the exchange is repeated on a new connection");
                earlier = self.clock.uptime().saturating_sub(started);
                response = empty();
                self.try_once(Reuse::Forbidden, tenant, make()?, &mut response).await;
            }
            Ok(())
        };
        if let Ok(done) = tokio::time::timeout(self.exchange_timeout, exchange).await {
            done?;
        }
        let ended = self.clock.uptime();
        if let Some(opening) = &mut response.opening {
            // The exchange timeout may have ended a step.
            opening.end(ended);
            opening.earlier += earlier;
        }
        let duration = ended.saturating_sub(started);
        Ok((response.report(self.clock.now(), duration), response.into_exchanged()))
    }

    /// Fails if all addresses of the target's name are refused. It waits only a short time for the DNS answer.
    pub(in crate::sender) async fn precheck(&self, tenant: &Tenant, target: &Target) -> Result<(), Refusal> {
        self.pool.connector().precheck(target.uri(), &Some(tenant.clone())).await
    }

    /// Returns how many connections are open: in use, idle, or closing.
    pub(crate) fn open_connections(&self) -> usize {
        self.pool.open()
    }

    /// Makes one request on a new connection, within the exchange timeout, and reads at most `max_bytes` of the body. Returns `None`
    /// if no response head was received.
    pub(in crate::sender) async fn fetch_response(
        &self,
        request: Request<Bytes>,
        max_bytes: usize,
    ) -> Option<(Parts, Result<Bytes, FetchError>)> {
        let mut response = PartialResponse::new(&*self.clock, self.measured, self.clock.uptime());
        let fetch = async {
            let request = self.with_default_headers(request);
            let connection = self.pool.connect(&None, request.uri(), &mut Opening::default()).await?;
            exchange_on(connection, request, max_bytes, &mut response).await
        };
        let failure = match tokio::time::timeout(self.exchange_timeout, fetch).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(elapsed) => Some(elapsed.to_string()),
        };
        if let Some(failure) = failure {
            tracing::debug!(failure, "a document could not be fetched");
        }
        response.into_parts()
    }

    /// The headers that every request has, unless it has others of the same name.
    pub(in crate::sender) fn default_headers(&self) -> HeaderMap {
        self.with_default_headers(Request::default()).into_parts().0.headers
    }

    /// Adds the headers that every request has.
    fn with_default_headers(&self, mut request: Request<Bytes>) -> Request<Bytes> {
        request.headers_mut().entry(USER_AGENT).or_insert_with(|| self.user_agent.clone());
        request.headers_mut().entry(ACCEPT).or_insert(ANY_TYPE);
        request
    }

    /// Makes the exchange once. It fills `response` step by step, because the exchange timeout may end it at any time.
    async fn try_once(
        &self,
        reuse: Reuse,
        tenant: &Option<Tenant>,
        request: Request<Bytes>,
        response: &mut PartialResponse<'_>,
    ) -> TryResult {
        let started = LogicalTime::now();
        let request = self.with_default_headers(request);
        let reused = if reuse == Reuse::Forbidden { None } else { self.pool.reuse(tenant, request.uri()) };
        let connection = match reused {
            Some(connection) => Ok(connection),
            None => {
                let opening = response.opening.insert(Box::default());
                let connected = self.pool.connect(tenant, request.uri(), opening).await;
                response.ready_at = opening.ended_at();
                connected
            }
        };
        let (error, may_repeat) = match connection {
            Err(error) => (error, false),
            Ok(connection) => {
                let state = connection.state().clone();
                (response.peer, response.tls_version) = (Some(state.meter.peer()), state.tls_version);
                let Err(error) = exchange_on(connection, request, MAX_BODY_BYTES, response).await else {
                    return TryResult::Final;
                };
                let error = error.or_fault_of(&state.meter);
                let may_repeat = error.may_repeat(&state.meter, started);
                (error, may_repeat)
            }
        };
        response.failure = Some(Failure::of(&error));
        if may_repeat { TryResult::MayRepeat } else { TryResult::Final }
    }
}

/// Whether an open connection may be used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reuse {
    Allowed,
    /// The second try must not use another stale connection.
    Forbidden,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TryResult {
    /// The exchange succeeded, or failed in a way that a repetition would not change.
    Final,
    /// The server did not process the request, so repeating it is safe.
    MayRepeat,
}

async fn exchange_on(
    connection: Connection,
    request: Request<Bytes>,
    max_bytes: usize,
    response: &mut PartialResponse<'_>,
) -> Result<(), ExchangeError> {
    connection.state().meter.allow(max_bytes.saturating_add(MAX_OVERHEAD_BYTES));
    match connection {
        Connection::Http1(connection) => connection.exchange(request, max_bytes, response).await,
        Connection::Http2(connection) => connection.exchange(request, max_bytes, response).await,
    }
}
