//! A resolver whose look-ups can be abandoned: DNS by `hickory-resolver`, without a thread for each name.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, Resolver, ResolverBuilder, TokioResolver};

use super::resolve::{LookUp, Resolve};

/// How long one name server gets for one question.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often a question is asked.
const ATTEMPTS: usize = 2;

/// Longest time for which an answer is kept, whatever its time to live.
const LONGEST_KEPT: Duration = Duration::from_secs(300);

/// How long a failure is kept whose time to live is not known; one that is known counts up to a minute.
const KEEP_FAILURES: Duration = Duration::from_secs(5);
const LONGEST_FAILURE: Duration = Duration::from_secs(60);

/// DNS by `hickory-resolver` (feature `hickory`). A silent name holds a socket and a few seconds, no thread; 256 names are looked
/// up at once. Answers are kept for their time to live, and at most five minutes.
///
/// By default names are absolute and the hosts file is not read: [`by_host_rules`](Self::by_host_rules) changes that. It
/// asks no other source of names, such as mDNS or LDAP; [`SystemResolver`](super::SystemResolver) asks those that the host has.
///
/// ```
/// use hookwire::sender::egress::HickoryResolver;
/// use hookwire::sender::http::HttpOptions;
///
/// let names = HickoryResolver::with_name_servers([([192, 0, 2, 53], 53).into()])?;
/// let options = HttpOptions::default().resolver(names);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct HickoryResolver {
    resolver: TokioResolver,
    rules: Rules,
}

enum Rules {
    Absolute,
    /// What the hosts file knows is not asked for.
    Host(Hosts),
}

impl fmt::Debug for HickoryResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_absolute = matches!(self.rules, Rules::Absolute);
        f.debug_struct("HickoryResolver").field("is_absolute", &is_absolute).finish_non_exhaustive()
    }
}

impl HickoryResolver {
    /// Asks the name servers of the system's configuration (`/etc/resolv.conf`), as they are now: changes need a new resolver.
    ///
    /// # Errors
    /// When the configuration cannot be read.
    pub fn from_system() -> io::Result<Self> {
        Self::build(Resolver::builder(TokioRuntimeProvider::default()).map_err(io::Error::other)?)
    }

    /// Asks these name servers, over UDP and, for long answers, TCP.
    ///
    /// # Errors
    /// When no name server is given.
    pub fn with_name_servers(servers: impl IntoIterator<Item = SocketAddr>) -> io::Result<Self> {
        let servers: Vec<_> = servers.into_iter().map(name_server).collect();
        if servers.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "name servers: at least one is needed"));
        }
        let config = ResolverConfig::from_name_servers(servers);
        Self::build(Resolver::builder_with_config(config, TokioRuntimeProvider::default()))
    }

    /// Names are read as the host's own programs read them: with its hosts file, as it is now, and with the search domains and
    /// `ndots` of its configuration, which short names inside a cluster need.
    ///
    /// # Errors
    /// When the hosts file cannot be read.
    pub fn by_host_rules(mut self) -> io::Result<Self> {
        self.rules = Rules::Host(Hosts::from_system()?);
        Ok(self)
    }

    fn build(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> io::Result<Self> {
        adjust(builder.options_mut());
        Ok(Self { resolver: builder.build().map_err(io::Error::other)?, rules: Rules::Absolute })
    }
}

impl Rules {
    /// What the hosts file says of a name, of both families.
    fn written_down(&self, host: &str) -> Option<Vec<IpAddr>> {
        let Self::Host(hosts) = self else { return None };
        let name = Name::from_utf8(host).ok()?;
        let of = |kind| hosts.lookup_static_host(&Query::query(name.clone(), kind));
        let found = [RecordType::A, RecordType::AAAA].map(of).into_iter().flatten();
        let addresses: Vec<_> = found.flat_map(|found| addresses_of(&found)).collect();
        if addresses.is_empty() { None } else { Some(addresses) }
    }
}

fn addresses_of(found: &Lookup) -> Vec<IpAddr> {
    found.answers().iter().filter_map(|record| record.data.ip_addr()).collect()
}

fn adjust(options: &mut ResolverOpts) {
    options.timeout = PATIENCE;
    options.attempts = ATTEMPTS;
    options.use_hosts_file = ResolveHosts::Never;
    // All addresses are judged, so all are asked for.
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.positive_max_ttl = Some(LONGEST_KEPT);
    options.negative_max_ttl = Some(LONGEST_FAILURE);
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
        self.look_up(host).await.answer
    }

    async fn look_up(&self, host: &str) -> LookUp {
        if let Some(addresses) = self.rules.written_down(host) {
            return LookUp { answer: Ok(addresses), keep: LONGEST_KEPT };
        }
        let name = match self.rules {
            Rules::Absolute if !host.ends_with('.') => format!("{host}."),
            _ => host.to_owned(),
        };
        match self.resolver.lookup_ip(name).await {
            Ok(found) => {
                let least = found.as_lookup().answers().iter().map(|record| record.ttl).min().unwrap_or_default();
                let keep = Duration::from_secs(least.into()).min(LONGEST_KEPT);
                LookUp { answer: Ok(found.iter().collect()), keep }
            }
            Err(error) => failed(error),
        }
    }
}

fn failed(error: NetError) -> LookUp {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(missing)) => {
            let keep = missing.negative_ttl.map_or(KEEP_FAILURES, |ttl| Duration::from_secs(ttl.into()));
            LookUp { answer: Ok(Vec::new()), keep: keep.min(LONGEST_FAILURE) }
        }
        // Its number says whether it was our own fault.
        NetError::Io(error) => {
            let copy = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
            LookUp { answer: Err(copy), keep: Duration::ZERO }
        }
        error => LookUp { answer: Err(io::Error::other(error)), keep: KEEP_FAILURES },
    }
}
