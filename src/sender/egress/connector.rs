//! The guard itself: the only way from a URL to a socket.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::dial::{Dial, Dialed};
use super::link::{Link, Socket};
use super::policy::EgressPolicy;
use super::refusal::{Refusal, RefusalReason};
use super::resolve::Resolve;
use crate::clock::Clock;
use crate::endpoint::Host;

/// Longest wait for a DNS answer; inside the connect budget.
const DNS_BUDGET: Duration = Duration::from_secs(3);

/// Most addresses of one answer that are dialled. All of them are judged.
const MAX_DIALLED: usize = 8;

/// How far a connection came, and why no further.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ConnectError {
    #[error("egress guard")]
    Blocked(#[from] Refusal),
    #[error("dns lookup")]
    Dns(#[source] io::Error),
    #[error("connect")]
    Tcp(#[source] io::Error),
    #[error("tls handshake")]
    Tls(#[source] io::Error),
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Dns,
    Tcp,
    Tls,
}

impl Phase {
    fn timed_out(self) -> ConnectError {
        let error = io::Error::from(io::ErrorKind::TimedOut);
        match self {
            Self::Dns => ConnectError::Dns(error),
            Self::Tcp => ConnectError::Tcp(error),
            Self::Tls => ConnectError::Tls(error),
        }
    }
}

/// Resolves once, judges every address, dials only what was judged, looks at the peer, then shakes hands.
#[derive(Clone, Debug)]
pub(crate) struct Connector(Arc<Parts>);

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) policy: EgressPolicy,
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) dial: Arc<dyn Dial>,
    pub(crate) tls: Arc<rustls::ClientConfig>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) budget: Duration,
}

impl Service<http::Uri> for Connector {
    type Response = TokioIo<Link>;
    type Error = ConnectError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: http::Uri) -> Self::Future {
        let parts = Arc::clone(&self.0);
        Box::pin(async move {
            let mut phase = Phase::Dns;
            match timeout(parts.budget, parts.establish(&uri, &mut phase)).await {
                Ok(done) => done.map(TokioIo::new),
                Err(_) => Err(phase.timed_out()),
            }
        })
    }
}

impl Connector {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Parts {
    async fn establish(&self, uri: &http::Uri, phase: &mut Phase) -> Result<Link, ConnectError> {
        let https = uri.scheme() != Some(&http::uri::Scheme::HTTP);
        let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
        self.policy.check_port(https, port)?;
        let host = canonical_host(uri)?;
        let addresses = self.judged_addresses(&host).await?;
        *phase = Phase::Tcp;
        let tcp = self.dial_first(&addresses, port).await?;
        *phase = Phase::Tls;
        let socket = if https { self.handshake(&host, tcp).await? } else { Socket::Plain(tcp) };
        Ok(Link::new(socket, self.clock.uptime()))
    }

    /// One lookup, and one forbidden address refuses the whole answer.
    async fn judged_addresses(&self, host: &Host) -> Result<Vec<IpAddr>, ConnectError> {
        let name = match host {
            Host::Address(address) => {
                self.policy.check_literal(*address)?;
                return Ok(vec![*address]);
            }
            Host::Name(name) => name,
        };
        self.policy.check_name(name)?;
        let answer = timeout(DNS_BUDGET, self.resolver.resolve(name)).await;
        let addresses = answer.map_err(|_| Phase::Dns.timed_out())?.map_err(ConnectError::Dns)?;
        if addresses.is_empty() {
            return Err(ConnectError::Dns(io::Error::new(io::ErrorKind::NotFound, "no addresses")));
        }
        addresses.iter().try_for_each(|address| self.policy.check_address(*address))?;
        Ok(addresses)
    }

    /// In order, each with its share of the budget, so that one dead address does not spend it all.
    async fn dial_first(&self, addresses: &[IpAddr], port: u16) -> Result<tokio::net::TcpStream, ConnectError> {
        let tried = addresses.iter().take(MAX_DIALLED);
        let share = self.budget / u32::try_from(tried.len()).unwrap_or(1).max(1);
        let mut last = Phase::Tcp.timed_out();
        for address in tried {
            last = match timeout(share, self.dial.dial(SocketAddr::new(*address, port))).await {
                Ok(Ok(dialed)) => return self.check_peer(*address, dialed),
                Ok(Err(error)) => ConnectError::Tcp(error),
                Err(_) => Phase::Tcp.timed_out(),
            };
        }
        Err(last)
    }

    fn check_peer(&self, judged: IpAddr, dialed: Dialed) -> Result<tokio::net::TcpStream, ConnectError> {
        self.policy.check_peer(judged, dialed.peer.ip(), dialed.local.map(|local| local.ip()))?;
        Ok(dialed.stream)
    }

    async fn handshake(&self, host: &Host, tcp: tokio::net::TcpStream) -> Result<Socket, ConnectError> {
        let name = server_name(host).ok_or(Refusal::new(RefusalReason::Spelling))?;
        let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await.map_err(ConnectError::Tls)?;
        Ok(Socket::Tls(Box::new(tls)))
    }
}

/// The host of a URI that a [`Target`](crate::endpoint::Target) made. Anything that does not read back the same is
/// refused: resolvers understand spellings of addresses that `http::Uri` takes for names.
fn canonical_host(uri: &http::Uri) -> Result<Host, Refusal> {
    let text = uri.host().unwrap_or_default();
    match url::Host::parse(text) {
        Ok(url::Host::Domain(name)) if name == text => Ok(Host::Name(name.into())),
        Ok(url::Host::Ipv4(address)) if address.to_string() == text => Ok(Host::Address(address.into())),
        Ok(url::Host::Ipv6(address)) => Ok(Host::Address(address.into())),
        _ => Err(Refusal::new(RefusalReason::Spelling)),
    }
}

fn server_name(host: &Host) -> Option<ServerName<'static>> {
    match host {
        Host::Address(address) => Some(ServerName::from(*address)),
        Host::Name(name) => ServerName::try_from(name.strip_suffix('.').unwrap_or(name).to_owned()).ok(),
    }
}
