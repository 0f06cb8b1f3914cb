//! DNS by `hickory-resolver`: lookups are asynchronous, can be cancelled and need no thread.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup as DnsAnswer;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, Resolver, ResolverBuilder, TokioResolver};

use super::resolve::Resolve;

/// How long the resolver waits for one name server's reply to one query.
const QUERY_TIMEOUT: Duration = Duration::from_secs(1);

/// How often a query is sent.
const ATTEMPTS: usize = 2;

/// Maximum time for which an answer is cached, even if its TTL is longer.
const MAX_TTL: Duration = Duration::from_secs(300);

/// How long a failure without a TTL is cached.
const FAILURE_TTL: Duration = Duration::from_secs(5);

/// Maximum time for which a failure is cached.
const MAX_FAILURE_TTL: Duration = Duration::from_secs(60);

/// DNS by `hickory-resolver` (feature `hickory`). It runs up to 256 lookups concurrently. A name whose servers do not reply uses a
/// socket for a few seconds, but no thread. Answers are cached for their TTL, at most five minutes.
///
/// By default names are fully qualified and the hosts file is not read;
/// [`hosts_and_search_domains`](Self::hosts_and_search_domains) changes that. Other sources of names, such as mDNS and LDAP, are
/// not supported; [`SystemResolver`](super::SystemResolver) uses those that the host has.
///
/// ```
/// use hookwire::sender::egress::HickoryResolver;
/// use hookwire::sender::http::HttpOptions;
///
/// let resolver = HickoryResolver::with_name_servers([([192, 0, 2, 53], 53).into()])?;
/// let options = HttpOptions::default().resolver(resolver);
/// assert!(HickoryResolver::with_name_servers([]).is_err(), "at least one name server is needed");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct HickoryResolver {
    resolver: TokioResolver,
    rules: NameRules,
}

enum NameRules {
    FullyQualified,
    /// The hosts file is read before DNS is asked.
    System(Hosts),
}

impl fmt::Debug for HickoryResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fully_qualified = matches!(self.rules, NameRules::FullyQualified);
        f.debug_struct("HickoryResolver").field("fully_qualified", &fully_qualified).finish_non_exhaustive()
    }
}

impl HickoryResolver {
    /// Uses the name servers of the system's configuration (`/etc/resolv.conf`). The file is read once, by this call.
    ///
    /// # Errors
    /// Returns an error if the configuration cannot be read.
    pub fn from_system() -> io::Result<Self> {
        Self::build(Resolver::builder(TokioRuntimeProvider::default()).map_err(io::Error::other)?)
    }

    /// Uses these name servers, over UDP and, for long answers, TCP.
    ///
    /// # Errors
    /// Returns an error of kind [`InvalidInput`](io::ErrorKind::InvalidInput) if `servers` is empty.
    pub fn with_name_servers(servers: impl IntoIterator<Item = SocketAddr>) -> io::Result<Self> {
        let servers: Vec<_> = servers.into_iter().map(name_server).collect();
        if servers.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "name servers: at least one is needed"));
        }
        let config = ResolverConfig::from_name_servers(servers);
        Self::build(Resolver::builder_with_config(config, TokioRuntimeProvider::default()))
    }

    /// Resolves names like other programs on this host: with its hosts file, which this call reads once, and with the search
    /// domains and `ndots` of its configuration, which short names inside a cluster need.
    ///
    /// ```
    /// use hookwire::sender::egress::{HickoryResolver, Resolve as _};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let resolver = HickoryResolver::with_name_servers([([192, 0, 2, 53], 53).into()])?.hosts_and_search_domains()?;
    /// assert!(resolver.resolve("localhost").await?.iter().all(|address| address.is_loopback()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns an error if the hosts file cannot be read.
    pub fn hosts_and_search_domains(mut self) -> io::Result<Self> {
        self.rules = NameRules::System(Hosts::from_system()?);
        Ok(self)
    }

    fn build(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> io::Result<Self> {
        adjust(builder.options_mut());
        Ok(Self { resolver: builder.build().map_err(io::Error::other)?, rules: NameRules::FullyQualified })
    }
}

impl NameRules {
    /// Returns the IPv4 and IPv6 addresses of a name in the hosts file.
    fn in_hosts_file(&self, host: &str) -> Option<Vec<IpAddr>> {
        let Self::System(hosts) = self else { return None };
        let name = Name::from_utf8(host).ok()?;
        let of = |kind| hosts.lookup_static_host(&Query::query(name.clone(), kind));
        let found = [RecordType::A, RecordType::AAAA].map(of).into_iter().flatten();
        let addresses: Vec<_> = found.flat_map(|found| addresses_of(&found)).collect();
        if addresses.is_empty() { None } else { Some(addresses) }
    }
}

fn addresses_of(found: &DnsAnswer) -> Vec<IpAddr> {
    found.answers().iter().filter_map(|record| record.data.ip_addr()).collect()
}

fn adjust(options: &mut ResolverOpts) {
    options.timeout = QUERY_TIMEOUT;
    options.attempts = ATTEMPTS;
    options.use_hosts_file = ResolveHosts::Never;
    // All addresses are checked, so both families are queried.
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.positive_max_ttl = Some(MAX_TTL);
    options.negative_max_ttl = Some(MAX_FAILURE_TTL);
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

#[async_trait]
impl Resolve for HickoryResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.lookup(host).await.0
    }

    async fn lookup(&self, host: &str) -> (io::Result<Vec<IpAddr>>, Duration) {
        if let Some(addresses) = self.rules.in_hosts_file(host) {
            return (Ok(addresses), MAX_TTL);
        }
        let name = match self.rules {
            NameRules::FullyQualified if !host.ends_with('.') => format!("{host}."),
            _ => host.to_owned(),
        };
        match self.resolver.lookup_ip(name).await {
            Ok(found) => {
                let least = found.as_lookup().answers().iter().map(|record| record.ttl).min().unwrap_or_default();
                let ttl = Duration::from_secs(least.into()).min(MAX_TTL);
                (Ok(found.iter().collect()), ttl)
            }
            Err(error) => failed(error),
        }
    }
}

fn failed(error: NetError) -> (io::Result<Vec<IpAddr>>, Duration) {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(missing)) => {
            let ttl = missing.negative_ttl.map_or(FAILURE_TTL, |ttl| Duration::from_secs(ttl.into()));
            (Ok(Vec::new()), ttl.min(MAX_FAILURE_TTL))
        }
        // The errno shows whether this machine is the cause.
        NetError::Io(error) => {
            let copy = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
            (Err(copy), Duration::ZERO)
        }
        error => (Err(io::Error::other(error)), FAILURE_TTL),
    }
}
