//! How requests are made.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use super::super::egress::{Dial, EgressPolicy, Resolve, SystemDialer, SystemResolver};

/// How requests are made.
///
/// | setting | default |
/// |---|---|
/// | [`connect_timeout`](Self::connect_timeout) | 5 s to resolve (at most 3 s of it), connect and shake hands |
/// | [`exchange_timeout`](Self::exchange_timeout) | 20 s for all of it |
/// | [`idle_timeout`](Self::idle_timeout) | 4 s; servers commonly close after 5 s |
/// | [`egress`](Self::egress) | `https` to public addresses |
/// | [`resolver`](Self::resolver) | the operating system's |
/// | [`tls`](Self::tls) | ring and the webpki roots (feature `ring`) |
#[derive(Clone, Debug)]
pub struct HttpOptions {
    pub(super) connect_timeout: Duration,
    pub(super) exchange_timeout: Duration,
    pub(super) idle_timeout: Duration,
    pub(in crate::sender) egress: EgressPolicy,
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) dialer: Arc<dyn Dial>,
    pub(super) tls: Option<ClientConfig>,
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
            egress: EgressPolicy::default(),
            resolver: Arc::new(SystemResolver),
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

    /// Which targets are allowed.
    #[must_use]
    pub fn egress(mut self, policy: EgressPolicy) -> Self {
        self.egress = policy;
        self
    }

    /// Who resolves names.
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

    /// The application's own TLS: provider, roots, client certificate. ALPN is set by the client.
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
