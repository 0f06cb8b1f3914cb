//! The egress guard: no request leaves for an address that was not judged.
//!
//! Whoever can register an endpoint makes this process send requests for him. The guard decides where to. It stands in
//! the connector, the only place that opens a socket, so there is no second path around it:
//!
//! 1. Scheme, port and name are judged ([`EgressPolicy::check_target`]); at registration too, as a courtesy.
//! 2. The name is resolved **once**; a literal address takes the same path. Look-ups are bounded, shared by all who wait for
//!    one name, and no tenant has more than a share of them ([`Resolve`]).
//! 3. Every address of the answer is judged; one that is forbidden refuses the whole answer.
//! 4. Only judged addresses are dialled.
//! 5. After connecting, the peer is compared with the judged address, and refused when it is this machine, before a byte is
//!    written.
//! 6. Nothing in an answer is followed: no redirect, no `Alt-Svc`, no proxy from the environment.
//!
//! This happens for every connection, so a name that changes its mind after registration gains nothing.
//!
//! ```
//! use hookwire::endpoint::Target;
//! use hookwire::sender::egress::EgressPolicy;
//!
//! let policy = EgressPolicy::default();
//! assert!(policy.check_target(&Target::parse("https://hooks.example.com/in")?).is_ok());
//! assert!(policy.check_target(&Target::parse("https://169.254.169.254/latest")?).is_err());
//! # Ok::<(), hookwire::endpoint::TargetError>(())
//! ```
//!
//! # Caveats
//!
//! Public ranges that are used privately (a cloud's service network, say) look public: name them with
//! [`EgressPolicy::deny_network`]. A connection keeps the verdict it was opened under for as long as it lives: two minutes at most, or
//! [`HttpOptions::connection_lifetime`](crate::sender::http::HttpOptions::connection_lifetime).

mod connector;
mod dial;
mod error;
mod handshake;
#[cfg(feature = "hickory")]
mod hickory;
mod lookups;
mod meter;
mod network;
mod policy;
mod proxy;
mod refusal;
mod resolve;
mod shares;
mod stream;
mod system;
mod table;

pub(super) use self::connector::Connector;
pub use self::dial::{Dial, Dialed, SystemDialer};
pub(super) use self::error::ConnectError;
pub(super) use self::handshake::TlsCause;
#[cfg(feature = "hickory")]
pub use self::hickory::HickoryResolver;
pub(super) use self::lookups::Lookups;
pub(super) use self::meter::{Fault, Mark, Meter};
pub use self::network::{Network, NetworkError};
pub use self::policy::{EgressPolicy, Nat64};
pub use self::proxy::ProxyDialer;
pub use self::refusal::{AddressKind, Refusal, RefusalReason};
pub use self::resolve::{LookUp, Resolve};
pub(super) use self::stream::Guarded;
pub use self::system::SystemResolver;
