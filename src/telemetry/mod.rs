//! Metrics, recorded by the `metrics` facade (feature `metrics`). [`guide::operating`](crate::guide::operating#telemetry) lists them.
//! Without the feature nothing is recorded, at no cost.
//!
//! The metrics of a sender and of an inbox have different names. No untrusted input chooses a label.

#[cfg(all(any(feature = "worker", feature = "receiver"), feature = "metrics"))]
mod describe;
#[cfg(all(any(feature = "worker", feature = "receiver"), not(feature = "metrics")))]
#[path = "describe_none.rs"]
mod describe;
#[cfg(all(any(feature = "sender", feature = "receiver"), feature = "metrics"))]
mod duplicates;
#[cfg(all(any(feature = "sender", feature = "receiver"), not(feature = "metrics")))]
#[path = "duplicates_none.rs"]
mod duplicates;
#[cfg(all(feature = "sender", feature = "metrics"))]
mod handshakes;
#[cfg(all(feature = "sender", not(feature = "metrics")))]
#[path = "handshakes_none.rs"]
mod handshakes;
#[cfg(all(feature = "worker", feature = "metrics"))]
mod work;
#[cfg(all(feature = "worker", not(feature = "metrics")))]
#[path = "work_none.rs"]
mod work;

#[cfg(any(feature = "worker", feature = "receiver"))]
pub(crate) use self::describe::describe;
#[cfg(any(feature = "sender", feature = "receiver"))]
pub(crate) use self::duplicates::duplicate;
#[cfg(feature = "sender")]
pub(crate) use self::handshakes::tls_handshake;
#[cfg(feature = "worker")]
pub(crate) use self::work::{Oldest, attempt, first_attempt, given_up, lanes_failing, lease_lost, workers_alive};
