//! What may be reached.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::network::Network;
use super::refusal::{AddressKind, Refusal, RefusalReason};
use super::table;
use crate::endpoint::{Host, Target};

/// What requests may reach. Immutable once a client uses it; cheap to clone.
///
/// The default allows `https` to public unicast addresses and nothing else. Permissions are spelled `dangerous_`; a
/// denied network wins over every permission, and so do the metadata services of the clouds.
///
/// ```
/// use hookwire::endpoint::Target;
/// use hookwire::sender::egress::EgressPolicy;
///
/// let policy = EgressPolicy::default().deny_network("34.118.224.0/20".parse()?);
/// assert!(policy.check_target(&Target::parse("https://hooks.example.com/")?).is_ok());
/// assert!(policy.check_target(&Target::parse("https://10.0.0.5/")?).is_err());
/// assert!(policy.check_target(&Target::parse("http://hooks.example.com/")?).is_err());
/// assert!(policy.check_address([169, 254, 169, 254].into()).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct EgressPolicy {
    http: Permission,
    loopback: Permission,
    private: Permission,
    own: Own,
    nat64: Nat64,
    denied: Arc<[Network]>,
    allowed: Arc<[Network]>,
    ports: Option<Arc<[u16]>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Permission {
    #[default]
    Refused,
    Granted,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Own {
    #[default]
    Refused,
    Allowed,
}

/// What a DNS answer in the NAT64 prefix `64:ff9b::/96` counts as. As a literal in a URL it is always refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Nat64 {
    /// As the IPv4 address it carries. Without this nothing can be delivered from an IPv6-only network with DNS64.
    #[default]
    Inherit,
    /// As forbidden.
    Refuse,
}

impl EgressPolicy {
    /// Allows plain `http`: payloads and signatures travel in the clear.
    #[must_use]
    pub const fn dangerous_allow_http(mut self) -> Self {
        self.http = Permission::Granted;
        self
    }

    /// Allows `127.0.0.0/8`, `::1`, names under `localhost` and this machine's own addresses. For tests.
    #[must_use]
    pub const fn dangerous_allow_loopback(mut self) -> Self {
        self.loopback = Permission::Granted;
        self
    }

    /// Allows the private networks (RFC 1918, RFC 6598, RFC 4193) and local names: every tenant who can register an
    /// endpoint can then reach every host there. Cloud metadata services stay refused.
    #[must_use]
    pub const fn dangerous_allow_private_networks(mut self) -> Self {
        self.private = Permission::Granted;
        self
    }

    /// Allows one network, whatever the tables say of it; cloud metadata services stay refused.
    #[must_use]
    pub fn dangerous_allow_network(mut self, network: Network) -> Self {
        self.allowed = self.allowed.iter().copied().chain([network]).collect();
        self
    }

    /// Allows this machine's own public addresses. Without this a connection whose two ends have one address is
    /// closed before anything is sent.
    #[must_use]
    pub const fn dangerous_allow_own_addresses(mut self) -> Self {
        self.own = Own::Allowed;
        self
    }

    /// Refuses one more network: a public range that is used privately, or another NAT64 prefix.
    #[must_use]
    pub fn deny_network(mut self, network: Network) -> Self {
        self.denied = self.denied.iter().copied().chain([network]).collect();
        self
    }

    /// Refuses single addresses: those of our own load balancers and gateways.
    #[must_use]
    pub fn deny_addresses(self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        addresses.into_iter().fold(self, |policy, address| policy.deny_network(Network::host(address)))
    }

    /// Refuses every port but these. Without this: the WHATWG fetch bad ports and 0 are refused.
    #[must_use]
    pub fn only_ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.ports = Some(ports.into_iter().collect());
        self
    }

    /// What a NAT64 address in a DNS answer counts as.
    #[must_use]
    pub const fn nat64(mut self, nat64: Nat64) -> Self {
        self.nat64 = nat64;
        self
    }

    /// Judges what can be judged without resolving: scheme, port, name or literal address. The client asks the same
    /// before every connection; at registration it is a courtesy to the user.
    ///
    /// # Errors
    /// When the target is refused.
    pub fn check_target(&self, target: &Target) -> Result<(), Refusal> {
        self.check_port(target.is_https(), target.port())?;
        match target.host() {
            Host::Name(name) => self.check_name(name),
            Host::Address(address) => self.check_literal(*address),
        }
    }

    /// Judges an address that a name resolved to.
    ///
    /// # Errors
    /// When the address is refused.
    pub fn check_address(&self, address: IpAddr) -> Result<(), Refusal> {
        match carried_by_nat64(address) {
            Some(inner) if self.nat64 == Nat64::Inherit && !self.denies(address) => self.judge(inner),
            _ => self.judge(address),
        }
    }

    /// Judges an address typed in a URL.
    pub(super) fn check_literal(&self, address: IpAddr) -> Result<(), Refusal> {
        self.judge(address)
    }

    pub(super) fn check_port(&self, https: bool, port: u16) -> Result<(), Refusal> {
        if !https && self.http == Permission::Refused {
            return Err(Refusal::new(RefusalReason::PlainHttp));
        }
        let bad = match &self.ports {
            Some(only) => !only.contains(&port),
            None => table::BAD_PORTS.binary_search(&port).is_ok(),
        };
        if bad { Err(Refusal::new(RefusalReason::Port(port))) } else { Ok(()) }
    }

    pub(super) fn check_name(&self, name: &str) -> Result<(), Refusal> {
        let name = name.strip_suffix('.').unwrap_or(name);
        let allowed = match self.loopback {
            Permission::Granted if is_within(name, "localhost") => true,
            _ if self.private == Permission::Granted => !is_within(name, "localhost"),
            _ => name.contains('.') && !table::NAMES.iter().any(|suffix| is_within(name, suffix)),
        };
        if allowed { Ok(()) } else { Err(Refusal::new(RefusalReason::Name)) }
    }

    /// After connecting, before a byte is written: the peer must be the judged address, and not this machine.
    pub(super) fn check_peer(&self, judged: IpAddr, peer: IpAddr, local: Option<IpAddr>) -> Result<(), Refusal> {
        if peer != judged {
            return Err(Refusal::new(RefusalReason::Peer(peer)));
        }
        let own = local == Some(peer) && self.own == Own::Refused && self.loopback == Permission::Refused;
        if own { Err(Refusal::new(RefusalReason::OwnAddress(peer))) } else { Ok(()) }
    }

    fn judge(&self, address: IpAddr) -> Result<(), Refusal> {
        let refuse = |kind| Err(Refusal::new(RefusalReason::Address(address, kind)));
        if self.denies(address) {
            return refuse(AddressKind::Denied);
        }
        match kind_of(address) {
            None => Ok(()),
            Some(AddressKind::Cloud) => refuse(AddressKind::Cloud),
            Some(AddressKind::Loopback) if self.loopback == Permission::Granted => Ok(()),
            Some(AddressKind::Private) if self.private == Permission::Granted => Ok(()),
            Some(_) if self.allowed.iter().any(|network| network.contains(address)) => Ok(()),
            Some(kind) => refuse(kind),
        }
    }

    fn denies(&self, address: IpAddr) -> bool {
        self.denied.iter().any(|network| network.contains(address))
    }
}

/// What is special about an address; `None` for a public unicast address.
fn kind_of(address: IpAddr) -> Option<AddressKind> {
    let look = |rows: &[(Network, AddressKind)]| rows.iter().find(|(n, _)| n.contains(address)).map(|(_, kind)| *kind);
    look(table::CLOUD).or_else(|| match address {
        IpAddr::V4(_) => look(table::V4),
        IpAddr::V6(_) if table::V6_GLOBAL.contains(address) => look(table::V6_HOLES),
        IpAddr::V6(_) => look(table::V6_NAMED).or(Some(AddressKind::Special)),
    })
}

fn carried_by_nat64(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V6(v6) if table::NAT64.contains(address) => {
            let [.., a, b, c, d] = v6.octets();
            Some(Ipv4Addr::new(a, b, c, d).into())
        }
        _ => None,
    }
}

/// Whether `name` is `suffix` or ends in it on a label boundary, in any letter case.
fn is_within(name: &str, suffix: &str) -> bool {
    let Some(start) = name.len().checked_sub(suffix.len()) else { return false };
    let (Some(head), Some(tail)) = (name.get(..start), name.get(start..)) else { return false };
    tail.eq_ignore_ascii_case(suffix) && (head.is_empty() || head.ends_with('.'))
}
