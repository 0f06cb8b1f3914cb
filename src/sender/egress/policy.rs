//! Which targets and addresses requests may reach.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::network::Network;
use super::refusal::{Refusal, RefusalReason};
use super::table::{self, AddressKind};
use crate::endpoint::Target;
use crate::field::FieldError;

/// Which targets requests may reach. Cheap to clone.
///
/// The default allows `https` to public unicast addresses and nothing else. Settings that allow more begin with `dangerous_`. A
/// denied network wins over every permission, and no permission allows the metadata services of clouds.
///
/// ```
/// use hookwire::endpoint::Target;
/// use hookwire::sender::egress::EgressPolicy;
///
/// let policy = EgressPolicy::default().deny_network("34.118.224.0/20")?;
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
    own_addresses: Permission,
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

/// How an address in the NAT64 prefix `64:ff9b::/96` is treated if it comes from a DNS answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Nat64 {
    /// Like the IPv4 address that it contains.
    #[default]
    CheckInner,
    Refuse,
}

impl EgressPolicy {
    /// Allows plain `http`. Payloads and signatures then travel unencrypted.
    ///
    /// ```
    /// use hookwire::endpoint::Target;
    /// use hookwire::sender::egress::EgressPolicy;
    ///
    /// let target = Target::parse("http://hooks.example.com/")?;
    /// assert!(EgressPolicy::default().check_target(&target).is_err());
    /// assert!(EgressPolicy::default().dangerous_allow_http().check_target(&target).is_ok());
    /// # Ok::<(), hookwire::field::FieldError>(())
    /// ```
    #[must_use]
    pub const fn dangerous_allow_http(mut self) -> Self {
        self.http = Permission::Granted;
        self
    }

    /// Allows `127.0.0.0/8`, `::1`, names under `localhost`, and the addresses of this machine. For tests and development.
    ///
    /// ```
    /// use hookwire::endpoint::Target;
    /// use hookwire::sender::egress::EgressPolicy;
    ///
    /// let policy = EgressPolicy::default().dangerous_allow_loopback();
    /// assert!(policy.check_target(&Target::parse("https://localhost/hooks")?).is_ok());
    /// assert!(policy.check_address([127, 0, 0, 1].into()).is_ok());
    /// # Ok::<(), hookwire::field::FieldError>(())
    /// ```
    #[must_use]
    pub const fn dangerous_allow_loopback(mut self) -> Self {
        self.loopback = Permission::Granted;
        self
    }

    /// Allows all private networks (RFC 1918, RFC 6598, RFC 4193) and local names. Every tenant who can register an endpoint
    /// can then reach every host there. Metadata services of clouds stay refused.
    ///
    /// ```
    /// use hookwire::sender::egress::EgressPolicy;
    ///
    /// let policy = EgressPolicy::default().dangerous_allow_private_networks();
    /// assert!(policy.check_address([10, 1, 2, 3].into()).is_ok());
    /// assert!(policy.check_address([169, 254, 169, 254].into()).is_err());
    /// ```
    #[must_use]
    pub const fn dangerous_allow_private_networks(mut self) -> Self {
        self.private = Permission::Granted;
        self
    }

    /// Allows one network that the default refuses. Metadata services of clouds stay refused.
    ///
    /// ```
    /// use hookwire::sender::egress::EgressPolicy;
    ///
    /// let policy = EgressPolicy::default().dangerous_allow_network("10.20.0.0/16")?;
    /// assert!(policy.check_address([10, 20, 0, 1].into()).is_ok());
    /// assert!(policy.check_address([10, 21, 0, 1].into()).is_err());
    /// # Ok::<(), hookwire::field::FieldError>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`FieldError`] with the text if it is not an address and a prefix length, such as `10.0.0.0/8` or `fd00::/8`.
    pub fn dangerous_allow_network(mut self, network: &str) -> Result<Self, FieldError> {
        self.allowed = self.allowed.iter().copied().chain([network.parse()?]).collect();
        Ok(self)
    }

    /// Allows this machine's own public addresses. Without this setting, a connection whose two ends have the same address is
    /// closed before anything is sent.
    ///
    /// ```
    /// use hookwire::sender::egress::EgressPolicy;
    /// use hookwire::sender::http::HttpOptions;
    ///
    /// let policy = EgressPolicy::default().dangerous_allow_own_addresses();
    /// assert!(policy.check_address([127, 0, 0, 1].into()).is_err(), "loopback needs a permission of its own");
    /// let options = HttpOptions::default().egress(policy);
    /// ```
    #[must_use]
    pub const fn dangerous_allow_own_addresses(mut self) -> Self {
        self.own_addresses = Permission::Granted;
        self
    }

    /// Refuses one more network, such as a public range that is used privately, or a network-specific NAT64 prefix.
    ///
    /// ```
    /// use hookwire::sender::egress::{EgressPolicy, RefusalReason};
    ///
    /// let policy = EgressPolicy::default().deny_network("34.118.224.0/20")?;
    /// let refusal = policy.check_address([34, 118, 225, 1].into()).unwrap_err();
    /// assert!(matches!(refusal.reason(), RefusalReason::Denied(_)));
    /// # Ok::<(), hookwire::field::FieldError>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`FieldError`] with the text if it is not an address and a prefix length, such as `10.0.0.0/8` or `fd00::/8`.
    pub fn deny_network(mut self, network: &str) -> Result<Self, FieldError> {
        self.denied = self.denied.iter().copied().chain([network.parse()?]).collect();
        Ok(self)
    }

    /// Refuses single addresses, such as those of the application's own load balancers and gateways.
    ///
    /// ```
    /// use hookwire::sender::egress::EgressPolicy;
    ///
    /// let policy = EgressPolicy::default().deny_addresses([[93, 184, 216, 34].into()]);
    /// assert!(policy.check_address([93, 184, 216, 34].into()).is_err());
    /// assert!(policy.check_address([93, 184, 216, 35].into()).is_ok());
    /// ```
    #[must_use]
    pub fn deny_addresses(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.denied = self.denied.iter().copied().chain(addresses.into_iter().map(Network::host)).collect();
        self
    }

    /// Allows only these ports. The default allows every port except 0 and the bad ports of the WHATWG fetch standard.
    ///
    /// ```
    /// use hookwire::endpoint::Target;
    /// use hookwire::sender::egress::EgressPolicy;
    ///
    /// let policy = EgressPolicy::default().only_ports([443, 8443]);
    /// assert!(policy.check_target(&Target::parse("https://hooks.example.com:8443/")?).is_ok());
    /// assert!(policy.check_target(&Target::parse("https://hooks.example.com:9000/")?).is_err());
    /// # Ok::<(), hookwire::field::FieldError>(())
    /// ```
    #[must_use]
    pub fn only_ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.ports = Some(ports.into_iter().collect());
        self
    }

    /// Refuses NAT64 addresses (`64:ff9b::/96`) in DNS answers. By default such an address is treated like the IPv4 address that
    /// it contains, which IPv6-only networks with DNS64 need. A NAT64 address in a URL is always refused.
    ///
    /// ```
    /// use hookwire::sender::egress::EgressPolicy;
    ///
    /// let address = "64:ff9b::5db8:d822".parse()?;
    /// assert!(EgressPolicy::default().check_address(address).is_ok());
    /// assert!(EgressPolicy::default().deny_nat64().check_address(address).is_err());
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    #[must_use]
    pub const fn deny_nat64(mut self) -> Self {
        self.nat64 = Nat64::Refuse;
        self
    }

    /// Checks what can be checked without resolving: the scheme, the port, and the name or literal address. The client runs the
    /// same check before every connection.
    ///
    /// ```
    /// use hookwire::endpoint::Target;
    /// use hookwire::sender::egress::{EgressPolicy, RefusalReason};
    ///
    /// let target = Target::parse("https://intranet/hooks")?;
    /// let refusal = EgressPolicy::default().check_target(&target).unwrap_err();
    /// assert_eq!(refusal.reason(), RefusalReason::LocalName);
    /// # Ok::<(), hookwire::field::FieldError>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`Refusal`] if the policy refuses the target.
    pub fn check_target(&self, target: &Target) -> Result<(), Refusal> {
        self.check_port(target.is_https(), target.port())?;
        match target.address() {
            Some(address) => self.check_literal(address),
            None => self.check_name(target.host()),
        }
    }

    /// Checks an address that a name resolved to.
    ///
    /// ```
    /// use hookwire::sender::egress::EgressPolicy;
    ///
    /// let policy = EgressPolicy::default();
    /// assert!(policy.check_address([93, 184, 216, 34].into()).is_ok());
    /// assert!(policy.check_address([192, 168, 0, 1].into()).is_err());
    /// ```
    ///
    /// # Errors
    /// Returns a [`Refusal`] if the policy refuses the address.
    pub fn check_address(&self, address: IpAddr) -> Result<(), Refusal> {
        match inner_of_nat64(address) {
            Some(inner) if self.nat64 == Nat64::CheckInner && !self.is_denied(address) => self.check_literal(inner),
            _ => self.check_literal(address),
        }
    }

    pub(super) fn check_port(&self, https: bool, port: u16) -> Result<(), Refusal> {
        if !https && self.http == Permission::Refused {
            return Err(Refusal::new(RefusalReason::PlainHttp));
        }
        let is_bad = match &self.ports {
            Some(only) => !only.contains(&port),
            None => table::BAD_PORTS.binary_search(&port).is_ok(),
        };
        if is_bad { Err(Refusal::new(RefusalReason::Port(port))) } else { Ok(()) }
    }

    pub(super) fn check_name(&self, name: &str) -> Result<(), Refusal> {
        let name = name.strip_suffix('.').unwrap_or(name);
        let is_allowed = match self.loopback {
            Permission::Granted if is_within(name, "localhost") => true,
            _ if self.private == Permission::Granted => !is_within(name, "localhost"),
            _ => name.contains('.') && !table::LOCAL_NAMES.iter().any(|suffix| is_within(name, suffix)),
        };
        if is_allowed { Ok(()) } else { Err(Refusal::new(RefusalReason::LocalName)) }
    }

    /// Checks the two ends of a connection before anything is sent: the peer must be the checked address, and must not be this
    /// machine.
    pub(super) fn check_peer(&self, checked: IpAddr, peer: IpAddr, local: Option<IpAddr>) -> Result<(), Refusal> {
        if peer != checked {
            return Err(Refusal::new(RefusalReason::PeerMismatch(peer)));
        }
        let is_own =
            local == Some(peer) && self.own_addresses == Permission::Refused && self.loopback == Permission::Refused;
        if is_own { Err(Refusal::new(RefusalReason::OwnAddress(peer))) } else { Ok(()) }
    }

    /// Checks an address that is written in a URL.
    pub(super) fn check_literal(&self, address: IpAddr) -> Result<(), Refusal> {
        if self.is_denied(address) {
            return Err(Refusal::new(RefusalReason::Denied(address)));
        }
        let is_allowed = || self.allowed.iter().any(|network| network.contains(address));
        let reason = match kind_of(address) {
            None => return Ok(()),
            Some(AddressKind::CloudMetadata) => RefusalReason::CloudMetadata(address),
            Some(AddressKind::Loopback) if self.loopback == Permission::Granted => return Ok(()),
            Some(AddressKind::Private) if self.private == Permission::Granted => return Ok(()),
            Some(_) if is_allowed() => return Ok(()),
            Some(AddressKind::Loopback) => RefusalReason::Loopback(address),
            Some(AddressKind::Private) => RefusalReason::Private(address),
            Some(AddressKind::LinkLocal) => RefusalReason::LinkLocal(address),
            Some(AddressKind::SpecialPurpose) => RefusalReason::SpecialPurpose(address),
        };
        Err(Refusal::new(reason))
    }

    fn is_denied(&self, address: IpAddr) -> bool {
        self.denied.iter().any(|network| network.contains(address))
    }
}

/// Returns why an address is special; `None` for a public unicast address.
fn kind_of(address: IpAddr) -> Option<AddressKind> {
    let look = |rows: &[(Network, AddressKind)]| rows.iter().find(|(n, _)| n.contains(address)).map(|(_, kind)| *kind);
    look(table::CLOUD_METADATA).or_else(|| match address {
        IpAddr::V4(_) => look(table::V4),
        IpAddr::V6(_) if table::V6_GLOBAL.contains(address) => look(table::V6_GLOBAL_EXCEPTIONS),
        IpAddr::V6(_) => look(table::V6_OTHER).or(Some(AddressKind::SpecialPurpose)),
    })
}

/// Returns the IPv4 address inside an address of the NAT64 prefix.
fn inner_of_nat64(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V6(v6) if table::NAT64.contains(address) => {
            let [.., a, b, c, d] = v6.octets();
            Some(Ipv4Addr::new(a, b, c, d).into())
        }
        _ => None,
    }
}

/// Whether `name` is `suffix` or a name under it, ignoring case.
fn is_within(name: &str, suffix: &str) -> bool {
    let Some(start) = name.len().checked_sub(suffix.len()) else { return false };
    let (Some(head), Some(tail)) = (name.get(..start), name.get(start..)) else { return false };
    tail.eq_ignore_ascii_case(suffix) && (head.is_empty() || head.ends_with('.'))
}
