//! Why the guard refused a target: one text for the endpoint's owner, the details for the operator.

use std::fmt;
use std::net::IpAddr;

/// The egress guard refused a target.
///
/// `Display` is for the endpoint's owner. It is the same text for every cause, because a stranger who can register URLs could
/// otherwise map the network behind the guard. [`reason`](Self::reason), which is also the `source()`, is for the operator's log.
///
/// ```
/// use hookwire::endpoint::Target;
/// use hookwire::sender::egress::{EgressPolicy, RefusalReason};
///
/// let target = Target::parse("https://127.0.0.1/hooks")?;
/// let refusal = EgressPolicy::default().check_target(&target).unwrap_err();
/// assert_eq!(refusal.to_string(), "url: target is not allowed");
/// assert_eq!(refusal.reason(), RefusalReason::Loopback([127, 0, 0, 1].into()));
/// # Ok::<(), hookwire::field::FieldError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("url: target is not allowed")]
pub struct Refusal {
    #[source]
    reason: RefusalReason,
}

/// The exact reason for a refusal, and the setting that allows the target. For operators only.
///
/// ```
/// use hookwire::sender::egress::EgressPolicy;
///
/// let refusal = EgressPolicy::default().check_address([127, 0, 0, 1].into()).unwrap_err();
/// let text = refusal.reason().to_string();
/// assert!(text.starts_with("127.0.0.1 is a loopback address; in development call `for_development()`"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefusalReason {
    /// The scheme is plain `http`.
    #[error(
        "the scheme is http; in development call `for_development()`, otherwise EgressPolicy::dangerous_allow_http allows it"
    )]
    PlainHttp,
    /// The port belongs to another protocol, or is not in the policy's own list.
    #[error("port {0} is not allowed; EgressPolicy::only_ports sets the allowed ports")]
    Port(u16),
    /// The host is a local name: `localhost`, a name without a dot, or a name under a local top-level domain.
    #[error(
        "the host is a local name; in development call `for_development()`, otherwise EgressPolicy::dangerous_allow_loopback allows localhost, \
         EgressPolicy::dangerous_allow_private_networks allows the others"
    )]
    LocalName,
    /// A loopback address.
    #[error(
        "{0} is a loopback address; in development call `for_development()`, otherwise EgressPolicy::dangerous_allow_loopback allows it"
    )]
    Loopback(IpAddr),
    /// An address of a private network: RFC 1918, RFC 6598, RFC 4193.
    #[error("{0} is a private address; EgressPolicy::dangerous_allow_network allows its network")]
    Private(IpAddr),
    /// A link-local address.
    #[error("{0} is a link-local address; EgressPolicy::dangerous_allow_network allows its network")]
    LinkLocal(IpAddr),
    /// A metadata or platform service of a cloud. No setting allows it.
    #[error("{0} is a cloud metadata service, which no setting allows")]
    CloudMetadata(IpAddr),
    /// Another address that is not public unicast.
    #[error("{0} is not a public unicast address; EgressPolicy::dangerous_allow_network allows its network")]
    SpecialPurpose(IpAddr),
    /// An address that the policy itself denies.
    #[error("{0} is in a network that EgressPolicy::deny_network or deny_addresses refuses")]
    Denied(IpAddr),
    /// After connecting, the peer was not the address that was checked.
    #[error("the peer {0} is not the address that was checked")]
    PeerMismatch(IpAddr),
    /// An address of this machine.
    #[error(
        "{0} is an address of this machine; in development call `for_development()`, otherwise EgressPolicy::dangerous_allow_own_addresses allows it"
    )]
    OwnAddress(IpAddr),
}

// A program that ends with this error prints its `Debug` text, so the text contains the remedy for the developer.
impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Refusal").field(&format_args!("{}", self.reason)).finish()
    }
}

impl Refusal {
    pub(super) const fn new(reason: RefusalReason) -> Self {
        Self { reason }
    }

    /// The exact reason for the refusal. Do not show it to the endpoint's owner.
    #[must_use]
    pub const fn reason(&self) -> RefusalReason {
        self.reason
    }
}
