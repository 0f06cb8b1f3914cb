//! One exchange.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, USER_AGENT};
use http::response::Parts;
use http::{HeaderValue, Request};
use http_body_util::{BodyExt as _, Full};
use tokio_rustls::TlsConnector;

use super::super::egress::{Connector, Lookups, Mark, Refusal};
use super::answer::{Answer, Failure};
use super::error::ExchangeError;
use super::link::Bounds;
use super::options::{HttpError, HttpOptions, Versions};
use super::pool::{Connection, Pool};
use super::settle::MOST_HEAD_BYTES;
use super::tls;
use crate::clock::Clock;
use crate::endpoint::Target;
use crate::fetch::FetchError;
use crate::id::Tenant;
use crate::outcome::Report;

/// Of an answer the status counts: some servers refuse requests that do not say what they take.
const ANYTHING: HeaderValue = HeaderValue::from_static("*/*");

/// Most of an answer's body that is read.
const MOST_BODY_BYTES: usize = 16 * 1024;

/// What one answer may be on the wire beside its body: its head, interim answers, what TLS and frames add, and what is read
/// ahead of a body that is too long.
const MOST_BESIDE: usize = 3 * MOST_HEAD_BYTES;

/// How long a ping may wait for its answer, and a success for the rest of its request: this part of an exchange's budget.
const PATIENCE: u32 = 4;

/// How long a write may make no progress: this part of an exchange's budget. A server may be slow to read and still do it.
const STALL: u32 = 2;

/// Makes requests through the egress guard. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct HttpClient {
    pool: Pool,
    exchange_timeout: Duration,
    user_agent: HeaderValue,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("pool", &self.pool).finish_non_exhaustive()
    }
}

impl HttpClient {
    /// A client.
    ///
    /// # Errors
    /// Names the setting that does not fit.
    pub fn new(options: HttpOptions, clock: Arc<dyn Clock>) -> Result<Self, HttpError> {
        let exchange_timeout = options.exchange_timeout;
        if exchange_timeout.is_zero() {
            return Err(HttpError::NoTime);
        }
        let mut tls = options.tls.map_or_else(tls::default, Ok)?;
        if options.versions == Versions::Http1 {
            tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        } else if tls.alpn_protocols.is_empty() {
            tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        let patience = exchange_timeout / PATIENCE;
        let connector = Connector {
            policy: options.egress,
            lookups: Lookups::new(options.resolver, clock.clone()),
            dialer: options.dialer,
            tls: TlsConnector::from(Arc::new(tls)),
            budget: options.connect_timeout,
            stall: exchange_timeout / STALL,
        };
        let bounds = Bounds {
            idle: options.idle_timeout,
            lifetime: options.connection_lifetime,
            exchange: exchange_timeout,
            patience,
        };
        let pool = Pool::new(connector, bounds, options.sharing);
        Ok(Self { pool, exchange_timeout, user_agent: options.user_agent, clock })
    }

    /// Makes one exchange, on connections that belong to no tenant: [`exchange_for`](Self::exchange_for) tells more.
    ///
    /// # Errors
    /// Whatever `make` says; everything else is a report.
    pub async fn exchange<E>(&self, make: impl FnMut() -> Result<Request<Full<Bytes>>, E>) -> Result<Report, E> {
        self.exchange_as(None, make).await
    }

    /// Makes one exchange on behalf of a tenant, on connections that no other tenant uses
    /// ([`HttpOptions::share_connections`] changes that). `make` makes the request; it is called again, once, when a reused
    /// connection has died without an answer.
    ///
    /// # Errors
    /// Whatever `make` says; everything else is a report.
    pub async fn exchange_for<E>(
        &self,
        tenant: &Tenant,
        make: impl FnMut() -> Result<Request<Full<Bytes>>, E>,
    ) -> Result<Report, E> {
        self.exchange_as(Some(tenant.clone()), make).await
    }

    /// Whether all addresses of a target's name are refused, as far as they can be learnt in a moment.
    pub(in crate::sender) async fn foresee(&self, tenant: &Tenant, target: &Target) -> Result<(), Refusal> {
        self.pool.connector().foresee(target.uri(), &Some(tenant.clone())).await
    }

    /// How many connections are open: in use, kept for reuse, or about to close.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.pool.open()
    }

    async fn exchange_as<E>(
        &self,
        party: Option<Tenant>,
        mut make: impl FnMut() -> Result<Request<Full<Bytes>>, E>,
    ) -> Result<Report, E> {
        let began = self.clock.uptime();
        let mut answer = Answer::default();
        let exchange = async {
            let first = self.try_once(Source::Any, &party, make()?, &mut answer).await;
            if first == Tried::Unanswered {
                tracing::debug!("a reused connection had died; asking again on a fresh one");
                answer = Answer::default();
                self.try_once(Source::Fresh, &party, make()?, &mut answer).await;
            }
            Ok(())
        };
        if let Ok(done) = tokio::time::timeout(self.exchange_timeout, exchange).await {
            done?;
        }
        let duration = self.clock.uptime().saturating_sub(began);
        Ok(answer.report(self.clock.now(), duration))
    }

    /// One request on a connection of its own, within one exchange's budget, and at most so many bytes of the answer's body; no
    /// answer is no answer, whatever the reason.
    pub(in crate::sender) async fn ask(
        &self,
        request: Request<Full<Bytes>>,
        most_bytes: usize,
    ) -> Option<(Parts, Result<Bytes, FetchError>)> {
        let mut answer = Answer::default();
        let asking = self.ask_within(request, most_bytes, &mut answer);
        let asked = tokio::time::timeout(self.exchange_timeout, asking).await;
        let failure = match &asked {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(late) => Some(late.to_string()),
        };
        if let Some(failure) = failure {
            tracing::debug!(failure, "not fetched");
        }
        answer.fetched()
    }

    async fn ask_within(
        &self,
        request: Request<Full<Bytes>>,
        most_bytes: usize,
        answer: &mut Answer,
    ) -> Result<(), ExchangeError> {
        let request = self.dressed(request).await;
        let connection = self.pool.connect(&None, request.uri()).await?;
        exchange(connection, request, most_bytes, answer).await
    }

    /// With what every request has. The body is in memory already: nothing is copied.
    async fn dressed(&self, request: Request<Full<Bytes>>) -> Request<Bytes> {
        let (mut head, body) = request.into_parts();
        head.headers.entry(USER_AGENT).or_insert_with(|| self.user_agent.clone());
        head.headers.entry(ACCEPT).or_insert(ANYTHING);
        let Ok(body) = body.collect().await;
        Request::from_parts(head, body.to_bytes())
    }

    /// Leaves in `answer` what is known, as soon as it is known: the budget may end at any time.
    async fn try_once(
        &self,
        source: Source,
        party: &Option<Tenant>,
        request: Request<Full<Bytes>>,
        answer: &mut Answer,
    ) -> Tried {
        let begun = Mark::now();
        let request = self.dressed(request).await;
        let kept = if source == Source::Fresh { None } else { self.pool.kept_for(party, request.uri()) };
        let connection = match kept {
            Some(connection) => Ok(connection),
            None => self.pool.connect(party, request.uri()).await,
        };
        let (error, may_repeat) = match connection {
            Err(error) => (error, false),
            Ok(connection) => {
                let link = connection.link().clone();
                let Err(error) = exchange(connection, request, MOST_BODY_BYTES, answer).await else {
                    return Tried::Answered;
                };
                let error = error.on(&link.meter);
                let may_repeat = error.may_repeat(&link.meter, begun);
                (error, may_repeat)
            }
        };
        answer.failure = Some(Failure::of(&error));
        if may_repeat { Tried::Unanswered } else { Tried::Answered }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Any,
    /// For the one request that must not meet another stale connection.
    Fresh,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tried {
    /// For good or ill.
    Answered,
    /// And it is known that repeating is safe and may help.
    Unanswered,
}

async fn exchange(
    connection: Connection,
    request: Request<Bytes>,
    most_bytes: usize,
    answer: &mut Answer,
) -> Result<(), ExchangeError> {
    connection.link().meter.grant(most_bytes.saturating_add(MOST_BESIDE));
    match connection {
        Connection::Http1(connection) => connection.exchange(request, most_bytes, answer).await,
        Connection::Http2(connection) => connection.exchange(request, most_bytes, answer).await,
    }
}
