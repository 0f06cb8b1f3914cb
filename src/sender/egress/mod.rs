//! The egress guard: no request leaves for an address the operator did not allow.
//!
//! A webhook sender posts to URLs that strangers choose, from inside the operator's network. The guard sits in the
//! connector, the only way to a socket, so there is no second path without it:
//!
//! 1. scheme, port and name are judged: `https` only, no port that never speaks HTTP, no local name;
//! 2. the name is resolved **once**; an IP address in the URL takes the same path;
//! 3. every address of the answer is judged, and one forbidden address refuses the whole answer;
//! 4. only judged addresses are dialled, in order, within one budget;
//! 5. the connection's peer is compared with the judged address before a byte is written.
//!
//! It runs for every new connection, at every attempt; a check at registration
//! ([`EgressPolicy::check_target`]) is a courtesy to the user. Redirects are never followed and no proxy variable is
//! read, so nothing an endpoint answers can move a request.
//!
//! ```
//! use hookwire::endpoint::Target;
//! use hookwire::sender::egress::EgressPolicy;
//!
//! let refusal = EgressPolicy::default().check_target(&Target::parse("https://169.254.169.254/latest")?).unwrap_err();
//! assert_eq!(refusal.to_string(), "url: target is not allowed"); // for the endpoint's owner
//! assert_eq!(refusal.reason().to_string(), "cloud-internal address 169.254.169.254"); // for the log
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Caveats
//!
//! - Public ranges that are used privately (the service range of a cluster, for one) look public: add them with
//!   [`EgressPolicy::deny_network`].
//! - NAT64 prefixes other than `64:ff9b::/96` cannot be recognised: deny them if the network has one.
//! - Behind a transparent proxy the peer seems to be the judged address; such a proxy must have a guard of its own.
//! - This machine's own public addresses are recognised when the connection is open, before anything is sent: TCP
//!   connects, nothing more.

mod connector;
mod dial;
mod link;
mod network;
mod policy;
mod refusal;
mod resolve;
mod table;

pub(super) use self::connector::{ConnectError, Connector, Parts};
pub use self::dial::{Dial, Dialed, TcpDial};
pub(super) use self::link::Wire;
pub use self::network::{Network, NetworkError};
pub use self::policy::{EgressPolicy, Nat64};
pub use self::refusal::{AddressKind, Refusal, RefusalReason};
pub use self::resolve::{Resolve, SystemResolver};
