//! Why the guard said no: little outside, everything inside.

use std::fmt;
use std::net::IpAddr;

/// The egress guard refused a target.
///
/// `Display` is for the endpoint's owner: one text for every cause, because a stranger who can register URLs could
/// otherwise map the network behind the guard. [`reason`](Self::reason) is for the operator's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("url: target is not allowed")]
pub struct Refusal {
    reason: RefusalReason,
}

/// What exactly was refused. For operators only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalReason {
    /// Plain `http`.
    PlainHttp,
    /// A port on the list of ports that never speak HTTP, or not on the policy's own list.
    Port(u16),
    /// A name that is local by definition, or has no dot.
    Name,
    /// A host that is not in canonical form.
    Spelling,
    /// An address, typed in the URL or found by resolution.
    Address(IpAddr, AddressKind),
    /// After connecting, the peer was not the address that was judged.
    Peer(IpAddr),
    /// An address of this machine.
    OwnAddress(IpAddr),
}

/// What kind of address was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AddressKind {
    /// This machine, by definition.
    Loopback,
    /// A private network: RFC 1918, RFC 6598, RFC 4193.
    Private,
    /// This link only.
    LinkLocal,
    /// A cloud's metadata or platform service.
    Cloud,
    /// Anything else that is not a public unicast address.
    Special,
    /// On the policy's own deny list.
    Denied,
}

impl Refusal {
    pub(super) const fn new(reason: RefusalReason) -> Self {
        Self { reason }
    }

    /// What exactly was refused. Not to be shown to the endpoint's owner.
    #[must_use]
    pub const fn reason(&self) -> RefusalReason {
        self.reason
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlainHttp => f.write_str("plain http"),
            Self::Port(port) => write!(f, "port {port}"),
            Self::Name => f.write_str("a local name"),
            Self::Spelling => f.write_str("a host that is not canonical"),
            Self::Address(address, kind) => write!(f, "{kind} address {address}"),
            Self::Peer(address) => write!(f, "peer {address} is not the address that was judged"),
            Self::OwnAddress(address) => write!(f, "{address} is an address of this machine"),
        }
    }
}

impl fmt::Display for AddressKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Cloud => "cloud-internal",
            Self::Special => "special-purpose",
            Self::Denied => "denied",
        })
    }
}
