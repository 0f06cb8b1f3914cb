//! How requests are made.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use rustls::ClientConfig;

use super::super::egress::{Dial, EgressPolicy, Resolve, SystemDialer, SystemResolver};

/// How requests are made.
///
/// | setting | default |
/// |---|---|
/// | [`connect_timeout`](Self::connect_timeout) | 5 s to resolve (at most 3 s of it), connect and shake hands |
/// | [`exchange_timeout`](Self::exchange_timeout) | 20 s for all of it |
/// | [`idle_timeout`](Self::idle_timeout) | 4 s; servers commonly close after 5 s |
/// | [`connection_lifetime`](Self::connection_lifetime) | 2 min, so that a name that has moved is noticed |
/// | [`share_connections`](Self::share_connections) | no: each tenant has connections of its own |
/// | [`user_agent`](Self::user_agent) | `hookwire/` and its version |
/// | [`http1_only`](Self::http1_only) | no: HTTP/2 where the server offers it |
/// | [`egress`](Self::egress) | `https` to public addresses |
/// | [`resolver`](Self::resolver) | the operating system's, on threads of its own; names are absolute |
/// | [`tls`](Self::tls) | ring and the webpki roots (feature `ring`) |
#[derive(Clone, Debug)]
pub struct HttpOptions {
    pub(super) connect_timeout: Duration,
    pub(super) exchange_timeout: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) connection_lifetime: Duration,
    pub(super) sharing: Sharing,
    pub(super) user_agent: HeaderValue,
    pub(super) versions: Versions,
    pub(in crate::sender) egress: EgressPolicy,
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) dialer: Arc<dyn Dial>,
    pub(super) tls: Option<ClientConfig>,
}

/// What the application is called unless it says otherwise.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("hookwire/", env!("CARGO_PKG_VERSION")));

/// Which versions of HTTP are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Versions {
    Both,
    Http1,
}

/// Who shares a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sharing {
    OfTenant,
    OfAll,
}

/// A client cannot be made so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// No time at all.
    #[error("exchange_timeout: must be longer than zero")]
    NoTime,
    /// The crate was built without `ring`, and no TLS configuration was given.
    #[error("tls: a rustls ClientConfig is needed when the feature `ring` is off")]
    NoTls,
    /// The TLS provider does not work.
    #[error("tls: cannot be configured")]
    Tls(#[source] rustls::Error),
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            exchange_timeout: Duration::from_secs(20),
            idle_timeout: Duration::from_secs(4),
            connection_lifetime: Duration::from_secs(120),
            sharing: Sharing::OfTenant,
            user_agent: AGENT,
            versions: Versions::Both,
            egress: EgressPolicy::default(),
            resolver: Arc::new(SystemResolver::default()),
            dialer: Arc::new(SystemDialer),
            tls: None,
        }
    }
}

impl HttpOptions {
    /// Longest time for resolving, connecting and the TLS handshake together.
    #[must_use]
    pub const fn connect_timeout(mut self, span: Duration) -> Self {
        self.connect_timeout = span;
        self
    }

    /// Longest time for the whole exchange, the answer's body included.
    #[must_use]
    pub const fn exchange_timeout(mut self, span: Duration) -> Self {
        self.exchange_timeout = span;
        self
    }

    /// How long an idle connection is kept. Zero: every request has a connection of its own.
    #[must_use]
    pub const fn idle_timeout(mut self, span: Duration) -> Self {
        self.idle_timeout = span;
        self
    }

    /// How long new exchanges may begin on one connection. After it the connection serves what is under way and closes, at
    /// the latest one `exchange_timeout` later. The name is resolved and judged again for the connection that follows.
    #[must_use]
    pub const fn connection_lifetime(mut self, span: Duration) -> Self {
        self.connection_lifetime = span;
        self
    }

    /// Endpoints of different tenants at one host share connections. By default each tenant has its own, so that one that is
    /// slow, or full, or broken by its owner meets no stranger. Share them where all endpoints are the application's own.
    #[must_use]
    pub const fn share_connections(mut self) -> Self {
        self.sharing = Sharing::OfAll;
        self
    }

    /// Which targets are allowed.
    #[must_use]
    pub fn egress(mut self, policy: EgressPolicy) -> Self {
        self.egress = policy;
        self
    }

    /// Who resolves names. [`SystemResolver::by_host_rules`] reads the hosts file and completes short names.
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// Who opens connections.
    #[must_use]
    pub fn dialer(mut self, dialer: impl Dial) -> Self {
        self.dialer = Arc::new(dialer);
        self
    }

    /// The `User-Agent` of every request: `HeaderValue::from_static("Acme-Webhooks/1.0 (+https://acme.example/webhooks)")`.
    #[must_use]
    pub fn user_agent(mut self, agent: HeaderValue) -> Self {
        self.user_agent = agent;
        self
    }

    /// Offers HTTP/1.1 and no HTTP/2, whatever [`tls`](Self::tls) offers.
    #[must_use]
    pub const fn http1_only(mut self) -> Self {
        self.versions = Versions::Http1;
        self
    }

    /// The application's own TLS: provider, roots, client certificate. Its ALPN protocols are offered as they are; if it has
    /// none, `h2` and `http/1.1` are.
    #[must_use]
    pub fn tls(mut self, config: ClientConfig) -> Self {
        self.tls = Some(config);
        self
    }

    /// The longest time that one exchange may take.
    #[must_use]
    pub const fn longest_exchange(&self) -> Duration {
        self.exchange_timeout
    }
}
