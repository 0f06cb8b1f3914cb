//! The settings of the HTTP client.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use rustls::ClientConfig;

use super::super::egress::{Dial, EgressPolicy, Resolve, SystemDialer, SystemResolver};

/// The settings of the HTTP client.
///
/// | setting | default |
/// |---|---|
/// | [`connect_timeout`](Self::connect_timeout) | 5 s to resolve (at most 3 s), connect and shake hands |
/// | [`exchange_timeout`](Self::exchange_timeout) | 20 s for the whole exchange |
/// | [`idle_timeout`](Self::idle_timeout) | 4 s, because many servers close idle connections after 5 s |
/// | [`connection_lifetime`](Self::connection_lifetime) | 2 min, so that a changed DNS record takes effect |
/// | [`share_connections`](Self::share_connections) | off: each tenant has its own connections |
/// | [`user_agent`](Self::user_agent) | `hookwire/` and its version |
/// | [`http1_only`](Self::http1_only) | off: HTTP/2 if the server offers it |
/// | [`egress`](Self::egress) | `https` to public addresses |
/// | [`resolver`](Self::resolver) | [`SystemResolver`] with fully qualified names |
/// | [`dialer`](Self::dialer) | direct TCP connections |
/// | [`tls`](Self::tls) | ring and the webpki roots (feature `ring`) |
/// | [`tls_sessions`](Self::tls_sessions) | of 2,048 servers, or as `tls` says |
///
/// ```
/// use std::time::Duration;
///
/// use hookwire::sender::Sender;
/// use hookwire::sender::http::HttpOptions;
/// use hookwire::store::MemoryStore;
///
/// let options = HttpOptions::default()
///     .connect_timeout(Duration::from_secs(3))
///     .exchange_timeout(Duration::from_secs(10))
///     .idle_timeout(Duration::from_secs(30))
///     .connection_lifetime(Duration::from_secs(60))
///     .share_connections() // all endpoints belong to this application
///     .http1_only();
/// assert!(Sender::builder(MemoryStore::new()).http(options).build().is_ok());
/// ```
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
    pub(super) tls_sessions: Option<usize>,
    pub(in crate::sender) measured: Measured,
}

const DEFAULT_USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("hookwire/", env!("CARGO_PKG_VERSION")));

/// The versions of HTTP that the client offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Versions {
    Both,
    Http1,
}

/// For which responses the client measures how long the head took. Each measurement reads the clock once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sender) enum Measured {
    Failures,
    All,
}

/// Whose requests can use one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sharing {
    OneTenant,
    AllTenants,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            exchange_timeout: Duration::from_secs(20),
            idle_timeout: Duration::from_secs(4),
            connection_lifetime: Duration::from_secs(120),
            sharing: Sharing::OneTenant,
            user_agent: DEFAULT_USER_AGENT,
            versions: Versions::Both,
            egress: EgressPolicy::default(),
            resolver: Arc::new(SystemResolver::default()),
            dialer: Arc::new(SystemDialer),
            tls: None,
            tls_sessions: None,
            measured: Measured::Failures,
        }
    }
}

impl HttpOptions {
    /// Maximum time for resolving, connecting and the TLS handshake together.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Maximum time for the whole exchange: connecting, the request, and the response with its body. It must be at most half of the
    /// worker's lease, which is 60 s by default.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use hookwire::sender::Sender;
    /// use hookwire::sender::http::HttpOptions;
    /// use hookwire::store::MemoryStore;
    ///
    /// let build = |seconds| {
    ///     let options = HttpOptions::default().exchange_timeout(Duration::from_secs(seconds));
    ///     Sender::builder(MemoryStore::new()).http(options).build()
    /// };
    /// assert!(build(30).is_ok());
    /// assert!(build(31).is_err(), "a lease of 60 s is too short");
    /// ```
    #[must_use]
    pub const fn exchange_timeout(mut self, timeout: Duration) -> Self {
        self.exchange_timeout = timeout;
        self
    }

    /// How long an idle connection is kept open. Zero disables reuse: every request opens a connection.
    #[must_use]
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// The age after which no exchange begins on a connection. The connection then finishes its exchanges and closes, at most one
    /// `exchange_timeout` later. The next connection resolves and checks the name again.
    #[must_use]
    pub const fn connection_lifetime(mut self, lifetime: Duration) -> Self {
        self.connection_lifetime = lifetime;
        self
    }

    /// Lets endpoints of different tenants share the connections to a host. By default each tenant has its own connections, so
    /// that a slow, full or broken connection affects only one tenant. Share them if the application owns all endpoints.
    #[must_use]
    pub const fn share_connections(mut self) -> Self {
        self.sharing = Sharing::AllTenants;
        self
    }

    /// Sets which targets are allowed.
    ///
    /// ```
    /// use hookwire::endpoint::{NewEndpoint, Target};
    /// use hookwire::sender::Sender;
    /// use hookwire::sender::egress::EgressPolicy;
    /// use hookwire::sender::http::HttpOptions;
    /// use hookwire::store::MemoryStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let policy = EgressPolicy::default().only_ports([443]);
    /// let sender = Sender::builder(MemoryStore::new()).http(HttpOptions::default().egress(policy)).build()?;
    /// let other_port = Target::parse("https://93.184.216.34:8443/hooks")?;
    /// assert!(sender.endpoints().create(NewEndpoint::at(other_port)).await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn egress(mut self, policy: EgressPolicy) -> Self {
        self.egress = policy;
        self
    }

    /// Resolves names with `resolver`. [`SystemResolver::hosts_and_search_domains`] reads the hosts file and completes short names.
    ///
    /// ```
    /// use hookwire::sender::egress::SystemResolver;
    /// use hookwire::sender::http::HttpOptions;
    ///
    /// let options = HttpOptions::default().resolver(SystemResolver::default().hosts_and_search_domains());
    /// assert!(format!("{options:?}").contains("SystemResolver"));
    /// ```
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// Opens connections with `dialer`, for example through a proxy.
    ///
    /// ```
    /// use hookwire::sender::egress::ProxyDialer;
    /// use hookwire::sender::http::HttpOptions;
    ///
    /// let options = HttpOptions::default().dialer(ProxyDialer::http("10.1.2.3:3128".parse()?));
    /// assert!(format!("{options:?}").contains("10.1.2.3:3128"));
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    #[must_use]
    pub fn dialer(mut self, dialer: impl Dial) -> Self {
        self.dialer = Arc::new(dialer);
        self
    }

    /// Sets the `User-Agent` of every request.
    ///
    /// ```
    /// use hookwire::sender::http::HttpOptions;
    /// use http::HeaderValue;
    ///
    /// let agent = HeaderValue::from_static("Acme-Webhooks/1.0 (+https://acme.example/webhooks)");
    /// let options = HttpOptions::default().user_agent(agent);
    /// assert!(format!("{options:?}").contains("Acme-Webhooks/1.0"));
    /// ```
    #[must_use]
    pub fn user_agent(mut self, agent: HeaderValue) -> Self {
        self.user_agent = agent;
        self
    }

    /// Offers only HTTP/1.1, even if [`tls`](Self::tls) offers HTTP/2.
    #[must_use]
    pub const fn http1_only(mut self) -> Self {
        self.versions = Versions::Http1;
        self
    }

    /// The TLS configuration: crypto provider, root certificates, client certificate. If it has no ALPN protocols, the client offers
    /// `h2` and `http/1.1`. Unless it says otherwise, it resumes the sessions of 32 servers: see [`tls_sessions`](Self::tls_sessions).
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use hookwire::sender::http::HttpOptions;
    /// use rustls::{ClientConfig, RootCertStore};
    ///
    /// let roots = RootCertStore::empty(); // roots.add(your_ca_certificate)?;
    /// let provider = Arc::new(rustls::crypto::ring::default_provider());
    /// let tls = ClientConfig::builder_with_provider(provider)
    ///     .with_safe_default_protocol_versions()?
    ///     .with_root_certificates(roots)
    ///     .with_no_client_auth();
    /// let options = HttpOptions::default().tls(tls);
    /// assert!(format!("{options:?}").contains("ClientConfig"));
    /// # Ok::<(), rustls::Error>(())
    /// ```
    #[must_use]
    pub fn tls(mut self, config: ClientConfig) -> Self {
        self.tls = Some(config);
        self
    }

    /// The number of servers whose TLS sessions are kept, so that the next connection resumes one; 0 resumes none. Resuming is cheaper
    /// than a full handshake, because the server does not send its certificate again, and the client does not check it again. A server
    /// takes about 10 KiB, and at most 72 KiB. The number replaces the `resumption` of a configuration that is set with
    /// [`tls`](Self::tls).
    ///
    /// [`guide::scaling`](crate::guide::scaling#tls) says what a handshake costs.
    ///
    /// ```
    /// use hookwire::sender::http::HttpOptions;
    ///
    /// let options = HttpOptions::default().tls_sessions(50_000); // 50,000 busy endpoints, each at a host of its own
    /// assert!(format!("{options:?}").contains("50000"));
    /// ```
    #[must_use]
    pub const fn tls_sessions(mut self, servers: usize) -> Self {
        self.tls_sessions = Some(servers);
        self
    }

    /// The maximum time of one exchange.
    pub(in crate::sender) const fn longest_exchange(&self) -> Duration {
        self.exchange_timeout
    }
}
