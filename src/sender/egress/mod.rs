//! The egress guard: every address is checked before a request is sent to it.
//!
//! Anyone who can register an endpoint can make this process send requests. The guard decides where those requests may go. It is
//! part of the connector, which is the only code that opens sockets, so no request can bypass it:
//!
//! 1. The scheme, the port and the host name are checked ([`EgressPolicy::check_target`]). Registration runs the same check, so
//!    that the user gets an error early.
//! 2. The name is resolved **once**. An IP address in the URL takes the same path. Lookups are bounded, concurrent lookups of one
//!    name are merged, and each tenant can use only a share of them ([`Resolve`]).
//! 3. Every address in the DNS answer is checked. If one address is forbidden, the whole answer is refused.
//! 4. Only checked addresses are dialled.
//! 5. After connecting and before the first byte is written, the peer address is compared with the checked address. A connection
//!    to this machine is refused.
//! 6. Nothing in a response is followed: no redirect and no `Alt-Svc`. No proxy is read from the environment.
//!
//! The checks run for every new connection, so a name that resolves to another address after registration is checked again.
//!
//! ```
//! use hookwire::endpoint::Target;
//! use hookwire::sender::egress::EgressPolicy;
//!
//! let policy = EgressPolicy::default();
//! assert!(policy.check_target(&Target::parse("https://hooks.example.com/in")?).is_ok());
//! assert!(policy.check_target(&Target::parse("https://169.254.169.254/latest")?).is_err());
//! # Ok::<(), hookwire::field::FieldError>(())
//! ```
//!
//! # Caveats
//!
//! - The guard cannot recognise public address ranges that are used privately, such as the service network of a cloud. Refuse
//!   them with [`EgressPolicy::deny_network`].
//! - A connection is not checked again while it is open, which is at most two minutes by default
//!   ([`HttpOptions::connection_lifetime`](crate::sender::http::HttpOptions::connection_lifetime)).

mod connector;
mod dial;
mod error;
mod fair_queue;
#[cfg(feature = "hickory")]
mod hickory;
mod meter;
mod network;
mod opening;
mod policy;
mod proxy;
mod refusal;
mod resolve;
mod shared_resolver;
mod stream;
mod system;
mod table;
mod tls_error;
mod tls_sessions;

pub(super) use self::connector::Connector;
pub(super) use self::dial::SystemDialer;
pub use self::dial::{Dial, Dialed};
pub(super) use self::error::ConnectError;
#[cfg(feature = "hickory")]
pub use self::hickory::HickoryResolver;
pub(super) use self::meter::{LogicalTime, Meter, PeerFault};
pub(super) use self::opening::Opening;
pub use self::policy::EgressPolicy;
pub use self::proxy::ProxyDialer;
pub use self::refusal::{Refusal, RefusalReason};
pub use self::resolve::Resolve;
pub(super) use self::shared_resolver::SharedResolver;
pub(super) use self::stream::GuardedStream;
pub use self::system::SystemResolver;
pub(super) use self::tls_error::TlsFailure;
pub(super) use self::tls_sessions::TlsSessions;
