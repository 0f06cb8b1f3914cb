//! Resolves a name once, checks every address, and dials only checked addresses.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, HandshakeKind};

use super::dial::{Dial, Dialed};
use super::error::ConnectError;
use super::meter::{Meter, MeteredStream};
use super::opening::{Opening, Step};
use super::policy::EgressPolicy;
use super::refusal::Refusal;
use super::shared_resolver::SharedResolver;
use super::stream::GuardedStream;
use super::tls_sessions::TlsSessions;
use crate::clock::Clock;
use crate::id::Tenant;
use crate::telemetry;

/// Maximum number of addresses of one name that are dialled. All addresses are checked.
const MAX_DIALED_ADDRESSES: usize = 32;

/// How long a registration waits for the DNS answer of its target.
const PRECHECK_TIMEOUT: Duration = Duration::from_secs(1);

/// How long resolving may take. The connect timeout includes this time.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(3);

/// Opens guarded connections.
pub(in crate::sender) struct Connector {
    pub(in crate::sender) policy: EgressPolicy,
    pub(in crate::sender) resolver: SharedResolver,
    pub(in crate::sender) dialer: Arc<dyn Dial>,
    pub(in crate::sender) tls: Arc<ClientConfig>,
    /// `None`: as the configuration says.
    pub(in crate::sender) tls_sessions: Option<TlsSessions>,
    pub(in crate::sender) connect_timeout: Duration,
    /// How long a write may make no progress.
    pub(in crate::sender) write_timeout: Duration,
    pub(in crate::sender) clock: Arc<dyn Clock>,
}

/// Where a connection goes.
struct Destination<'a> {
    https: bool,
    host: &'a str,
    port: u16,
}

impl<'a> Destination<'a> {
    /// Reads the URI of a `Target`, which is canonical.
    fn of(uri: &'a Uri) -> Option<Self> {
        let https = uri.scheme()? == &http::uri::Scheme::HTTPS;
        let host = uri.host()?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Some(Self { https, host, port: uri.port_u16().unwrap_or(if https { 443 } else { 80 }) })
    }
}

impl Connector {
    /// Resolves, checks, dials and shakes hands, all within `connect_timeout`. Records how long each step took.
    pub(in crate::sender) async fn connect(
        &self,
        uri: &Uri,
        tenant: &Option<Tenant>,
        opening: &mut Opening,
    ) -> Result<GuardedStream, ConnectError> {
        match timeout(self.connect_timeout, self.connect_in_steps(uri, tenant, opening)).await {
            Ok(connected) => connected,
            Err(_) => Err(match opening.end(self.clock.uptime()) {
                None | Some(Step::Resolve) => ConnectError::ResolveTimeout,
                Some(Step::Dial) => ConnectError::ConnectTimeout,
                Some(Step::Handshake) => ConnectError::TlsTimeout,
            }),
        }
    }

    async fn connect_in_steps(
        &self,
        uri: &Uri,
        tenant: &Option<Tenant>,
        opening: &mut Opening,
    ) -> Result<GuardedStream, ConnectError> {
        let destination = Destination::of(uri).ok_or(ConnectError::NoAddress)?;
        let addresses = self.checked_addresses(&destination, tenant, opening).await?;
        let (stream, peer) = self.dial_first(&addresses, destination.port, opening).await?;
        let meter = Meter::to(peer);
        let stream = MeteredStream::new(stream, meter.clone(), self.write_timeout);
        if !destination.https {
            return Ok(GuardedStream::plain(stream, meter));
        }
        opening.begin(Step::Handshake, opening.ended_at());
        let secured = self.handshake(destination.host, stream, meter).await;
        opening.end(self.clock.uptime());
        let (stream, is_resumed) = secured?;
        opening.is_resumed = Some(is_resumed);
        Ok(stream)
    }

    /// Fails if the name resolves within [`PRECHECK_TIMEOUT`] and all its addresses are refused. This gives an early error at
    /// registration. The addresses are checked again for each connection.
    pub(in crate::sender) async fn precheck(&self, uri: &Uri, tenant: &Option<Tenant>) -> Result<(), Refusal> {
        let Some(Destination { host, .. }) = Destination::of(uri) else { return Ok(()) };
        if host.parse::<IpAddr>().is_ok() {
            return Ok(());
        }
        let budget = PRECHECK_TIMEOUT.min(self.connect_timeout);
        let resolved = self.resolver.resolve(tenant, host, budget).await.unwrap_or_default();
        let mut refused = Ok(());
        for address in &*resolved {
            match self.policy.check_address(*address) {
                Ok(()) => return Ok(()),
                Err(refusal) => refused = Err(refusal),
            }
        }
        refused
    }

    /// Returns the addresses of the destination after all of them passed the check.
    async fn checked_addresses(
        &self,
        destination: &Destination<'_>,
        tenant: &Option<Tenant>,
        opening: &mut Opening,
    ) -> Result<Vec<IpAddr>, ConnectError> {
        self.policy.check_port(destination.https, destination.port)?;
        if let Ok(literal) = destination.host.parse() {
            self.policy.check_literal(literal)?;
            return Ok(vec![literal]);
        }
        self.policy.check_name(destination.host)?;
        let budget = RESOLVE_TIMEOUT.min(self.connect_timeout);
        opening.begin(Step::Resolve, self.clock.uptime());
        let resolved = self.resolver.resolve(tenant, destination.host, budget).await;
        opening.end(self.clock.uptime());
        let resolved = resolved?;
        for address in &*resolved {
            self.policy.check_address(*address)?;
        }
        let addresses: Vec<_> = resolved.iter().copied().take(MAX_DIALED_ADDRESSES).collect();
        if addresses.is_empty() { Err(ConnectError::NoAddress) } else { Ok(addresses) }
    }

    /// Connects to the first address that accepts. Each address gets an equal share of the time, so that a dead first address
    /// leaves time for the second.
    async fn dial_first(
        &self,
        addresses: &[IpAddr],
        port: u16,
        opening: &mut Opening,
    ) -> Result<(TcpStream, IpAddr), ConnectError> {
        let mut last_error = ConnectError::NoAddress;
        let mut now = self.clock.uptime();
        opening.begin(Step::Dial, now);
        for (tried, address) in addresses.iter().enumerate() {
            let left = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            let total = self.connect_timeout;
            let share = if left > 1 { total / left.saturating_add(1) } else { total };
            match timeout(share, self.dialer.dial(SocketAddr::new(*address, port))).await {
                Ok(Ok(Dialed { stream, peer, local })) => {
                    opening.begin_anew(now);
                    // No time is recorded for a refused connection: it would show how far away a forbidden address is.
                    self.policy.check_peer(*address, peer, local).inspect_err(|_| opening.leave_out())?;
                    opening.end(self.clock.uptime());
                    return Ok((stream, peer));
                }
                Ok(Err(error)) => last_error = ConnectError::Connect(error),
                Err(_) => last_error = ConnectError::ConnectTimeout,
            }
            now = self.clock.uptime();
        }
        opening.end(now);
        Err(last_error)
    }

    /// Returns the secured connection, and whether it resumed a session.
    async fn handshake(
        &self,
        host: &str,
        stream: MeteredStream,
        meter: Meter,
    ) -> Result<(GuardedStream, bool), ConnectError> {
        let name = ServerName::try_from(host.strip_suffix('.').unwrap_or(host).to_owned());
        let name = name.map_err(|error| ConnectError::Tls(io::Error::other(error)))?;
        let config = match &self.tls_sessions {
            Some(sessions) => Arc::new(sessions.configure(&self.tls, &meter)),
            None => self.tls.clone(),
        };
        let stream = TlsConnector::from(config).connect(name, stream).await.map_err(ConnectError::Tls)?;
        let is_resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
        telemetry::tls_handshake(is_resumed);
        Ok((GuardedStream::tls(stream, meter), is_resumed))
    }
}
