//! One exchange.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::{Builder, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio_rustls::TlsConnector;

use super::super::egress::{Connector, ConnectorParts, Mark};
use super::answer::{Answer, may_repeat, read};
use super::options::{HttpError, HttpOptions};
use super::tls;
use crate::clock::Clock;
use crate::outcome::Report;

/// Idle connections kept for one target.
const MAX_IDLE_PER_TARGET: usize = 256;

/// Most bytes of an answer's head.
const MAX_HEAD_BYTES: usize = 64 * 1024;

type Pool = Client<Connector, Full<Bytes>>;

/// Makes requests through the egress guard. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct HttpClient {
    pooled: Pool,
    /// For the one request that must not meet another stale connection.
    fresh: Pool,
    exchange_timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("exchange_timeout", &self.exchange_timeout).finish_non_exhaustive()
    }
}

impl HttpClient {
    /// A client.
    ///
    /// # Errors
    /// Names the setting that does not fit.
    pub fn new(options: HttpOptions, clock: Arc<dyn Clock>) -> Result<Self, HttpError> {
        let HttpOptions { connect_timeout, exchange_timeout, idle_timeout, egress, resolver, dialer, tls } = options;
        if exchange_timeout.is_zero() {
            return Err(HttpError::NoTime);
        }
        let mut tls = tls.map_or_else(tls::default, Ok)?;
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let tls = TlsConnector::from(Arc::new(tls));
        let connector =
            Connector::new(ConnectorParts { policy: egress, resolver, dialer, tls, budget: connect_timeout });
        let idle = if idle_timeout.is_zero() { 0 } else { MAX_IDLE_PER_TARGET };
        let mut builder = builder(idle_timeout, exchange_timeout);
        let pooled = builder.pool_max_idle_per_host(idle).build(connector.clone());
        let fresh = builder.pool_max_idle_per_host(0).build(connector);
        Ok(Self { pooled, fresh, exchange_timeout, clock })
    }

    /// Makes one exchange. `make` makes the request; it is called again, once, when a reused connection has died
    /// without an answer.
    ///
    /// # Errors
    /// Whatever `make` says; everything else is a report.
    pub async fn exchange<E>(&self, mut make: impl FnMut() -> Result<Request<Full<Bytes>>, E>) -> Result<Report, E> {
        let began = self.clock.uptime();
        let mut answer = Answer::timeout();
        let exchange = async {
            let first = self.try_once(&self.pooled, make()?, &mut answer).await;
            if first == Tried::Unanswered {
                tracing::debug!("a reused connection had died; asking again on a fresh one");
                answer = Answer::timeout();
                self.try_once(&self.fresh, make()?, &mut answer).await;
            }
            Ok(())
        };
        if let Ok(done) = tokio::time::timeout(self.exchange_timeout, exchange).await {
            done?;
        }
        let duration = self.clock.uptime().saturating_sub(began);
        let report = Report::new(answer.outcome, duration);
        Ok(report.with_retry_after(answer.retry_after).with_excerpt(answer.excerpt))
    }

    /// One request on a pooled connection; no answer is no answer, whatever the reason.
    pub(in crate::sender) async fn ask(&self, request: Request<Full<Bytes>>) -> Option<Response<Incoming>> {
        let answer = self.pooled.request(request).await;
        answer.inspect_err(|error| tracing::debug!(error = error as &dyn std::error::Error, "not fetched")).ok()
    }

    pub(in crate::sender) const fn exchange_timeout(&self) -> Duration {
        self.exchange_timeout
    }

    /// Leaves in `answer` what is known, as soon as it is known: the budget may end at any time.
    async fn try_once(&self, pool: &Pool, request: Request<Full<Bytes>>, answer: &mut Answer) -> Tried {
        let begun = Mark::now();
        match pool.request(request).await {
            Ok(response) => {
                let (head, body) = response.into_parts();
                *answer = Answer::of_head(&head, self.clock.now());
                answer.excerpt = read(body).await;
                Tried::Answered
            }
            Err(error) => {
                *answer = Answer::of_error(&error);
                if may_repeat(&error, begun) { Tried::Unanswered } else { Tried::Answered }
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tried {
    /// For good or ill.
    Answered,
    /// And it is known that repeating is safe and may help.
    Unanswered,
}

fn builder(idle_timeout: Duration, exchange_timeout: Duration) -> Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(idle_timeout)
        // Attempts are counted; the pool must not make its own.
        .retry_canceled_requests(false)
        .http1_max_buf_size(MAX_HEAD_BYTES)
        // Every use of a shared connection renews its idle time, so one that a firewall has forgotten would be handed out
        // until TCP gives up. Pings find it out while the exchange can still be made on another.
        .http2_keep_alive_interval(exchange_timeout / 4)
        .http2_keep_alive_timeout(exchange_timeout / 4);
    builder
}
