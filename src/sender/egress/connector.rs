//! Resolve once, judge everything, dial only what was judged.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::dial::{Dial, Dialed};
use super::error::ConnectError;
use super::lookups::Lookups;
use super::meter::{Meter, Metered};
use super::policy::EgressPolicy;
use super::refusal::Refusal;
use super::shares::Party;
use super::stream::Guarded;

/// Most addresses of one name that are dialled. All are judged.
const MAX_ADDRESSES: usize = 32;

/// How long a registration waits for the addresses of its target.
const FORESIGHT: Duration = Duration::from_secs(1);

/// How long resolving may take, within the budget.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(3);

/// Opens guarded connections.
pub(in crate::sender) struct Connector {
    pub(in crate::sender) policy: EgressPolicy,
    pub(in crate::sender) lookups: Lookups,
    pub(in crate::sender) dialer: Arc<dyn Dial>,
    pub(in crate::sender) tls: TlsConnector,
    pub(in crate::sender) budget: Duration,
    /// How long a write may make no progress.
    pub(in crate::sender) stall: Duration,
}

/// Where a connection goes.
struct Destination<'a> {
    https: bool,
    host: &'a str,
    port: u16,
}

impl<'a> Destination<'a> {
    /// From the URI of a `Target`, which is canonical.
    fn of(uri: &'a Uri) -> Option<Self> {
        let https = uri.scheme()? == &http::uri::Scheme::HTTPS;
        let host = uri.host()?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Some(Self { https, host, port: uri.port_u16().unwrap_or(if https { 443 } else { 80 }) })
    }
}

/// How far a connection has come: says what a spent budget was spent on.
#[derive(Clone, Copy)]
enum Phase {
    Resolve,
    Dial,
    Handshake,
}

impl Connector {
    /// One budget for all of it.
    pub(in crate::sender) async fn connect(&self, uri: &Uri, party: &Party) -> Result<Guarded, ConnectError> {
        let mut phase = Phase::Resolve;
        match timeout(self.budget, self.connect_in_phases(uri, party, &mut phase)).await {
            Ok(connected) => connected,
            Err(_) => Err(match phase {
                Phase::Resolve => ConnectError::ResolveTimeout,
                Phase::Dial => ConnectError::ConnectTimeout,
                Phase::Handshake => ConnectError::TlsTimeout,
            }),
        }
    }

    async fn connect_in_phases(&self, uri: &Uri, party: &Party, phase: &mut Phase) -> Result<Guarded, ConnectError> {
        let destination = Destination::of(uri).ok_or(ConnectError::NoAddress)?;
        let addresses = self.judged(&destination, party).await?;
        *phase = Phase::Dial;
        let stream = self.dial_any(&addresses, destination.port).await?;
        let meter = Meter::default();
        let stream = Metered::new(stream, meter.clone(), self.stall);
        if !destination.https {
            return Ok(Guarded::plain(stream, meter));
        }
        *phase = Phase::Handshake;
        self.handshake(destination.host, stream, meter).await
    }

    /// Fails when the name resolves within a moment and all its addresses are refused. This tells whoever registers a target early;
    /// the addresses are judged again for each connection.
    pub(in crate::sender) async fn foresee(&self, uri: &Uri, party: &Party) -> Result<(), Refusal> {
        let Some(Destination { host, .. }) = Destination::of(uri) else { return Ok(()) };
        if host.parse::<IpAddr>().is_ok() {
            return Ok(());
        }
        let resolved = self.lookups.resolve(party, host, FORESIGHT.min(self.budget)).await.unwrap_or_default();
        let mut refused = Ok(());
        for address in &*resolved {
            match self.policy.check_address(*address) {
                Ok(()) => return Ok(()),
                Err(refusal) => refused = Err(refusal),
            }
        }
        refused
    }

    /// The addresses of the destination, each of them judged.
    async fn judged(&self, destination: &Destination<'_>, party: &Party) -> Result<Vec<IpAddr>, ConnectError> {
        self.policy.check_port(destination.https, destination.port)?;
        if let Ok(literal) = destination.host.parse() {
            self.policy.check_literal(literal)?;
            return Ok(vec![literal]);
        }
        self.policy.check_name(destination.host)?;
        let budget = RESOLVE_TIMEOUT.min(self.budget);
        let resolved = self.lookups.resolve(party, destination.host, budget).await?;
        for address in &*resolved {
            self.policy.check_address(*address)?;
        }
        let addresses: Vec<_> = resolved.iter().copied().take(MAX_ADDRESSES).collect();
        if addresses.is_empty() { Err(ConnectError::NoAddress) } else { Ok(addresses) }
    }

    /// The first address that answers. Each gets a fair share of what is left of the budget, so that a dead first address
    /// does not use up the second one's.
    async fn dial_any(&self, addresses: &[IpAddr], port: u16) -> Result<TcpStream, ConnectError> {
        let mut last = ConnectError::NoAddress;
        for (tried, address) in addresses.iter().enumerate() {
            let left = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            let share = if left > 1 { self.budget / left.saturating_add(1) } else { self.budget };
            match timeout(share, self.dialer.dial(SocketAddr::new(*address, port))).await {
                Ok(Ok(Dialed { stream, peer, local })) => {
                    self.policy.check_peer(*address, peer, local)?;
                    return Ok(stream);
                }
                Ok(Err(error)) => last = ConnectError::Connect(error),
                Err(_) => last = ConnectError::ConnectTimeout,
            }
        }
        Err(last)
    }

    async fn handshake(&self, host: &str, stream: Metered, meter: Meter) -> Result<Guarded, ConnectError> {
        let name = ServerName::try_from(host.strip_suffix('.').unwrap_or(host).to_owned());
        let name = name.map_err(|error| ConnectError::Tls(io::Error::other(error)))?;
        let stream = self.tls.connect(name, stream).await.map_err(ConnectError::Tls)?;
        Ok(Guarded::tls(stream, meter))
    }
}
