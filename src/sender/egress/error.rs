//! Why there is no connection.

use std::io;
use std::sync::Arc;

use super::handshake::TlsCause;
use super::refusal::Refusal;
use crate::outcome::Outcome;

/// Why there is no connection. The texts hold no address and no name: they may reach the endpoint's owner.
#[derive(Debug, thiserror::Error)]
pub(in crate::sender) enum ConnectError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the name could not be resolved")]
    Resolve(#[source] Arc<io::Error>),
    #[error("too many names are being resolved")]
    Busy,
    #[error("the name could not be resolved in time")]
    ResolveTimeout,
    #[error("the name has no address")]
    NoAddress,
    #[error("no connection")]
    Connect(#[source] io::Error),
    #[error("no connection in time")]
    ConnectTimeout,
    #[error("the TLS handshake failed: {}", TlsCause::of(.0))]
    Tls(#[source] io::Error),
    #[error("the TLS handshake did not end in time")]
    TlsTimeout,
}

impl ConnectError {
    pub(in crate::sender) fn outcome(&self) -> Outcome {
        match self {
            Self::Refused(_) => Outcome::Blocked,
            Self::Resolve(error) if is_ours(error) => Outcome::Local,
            Self::Connect(error) if is_ours(error) => Outcome::Local,
            Self::Busy => Outcome::Local,
            Self::Resolve(_) | Self::ResolveTimeout | Self::NoAddress => Outcome::Dns,
            Self::Connect(_) | Self::ConnectTimeout => Outcome::Connect,
            Self::Tls(_) | Self::TlsTimeout => Outcome::Tls,
        }
    }

    /// Closing connections may help.
    pub(in crate::sender) fn is_want_of_descriptors(&self) -> bool {
        let error = match self {
            Self::Connect(error) => error,
            Self::Resolve(error) => error,
            _ => return false,
        };
        matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
    }
}

const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

/// Out of descriptors, ports or memory: nothing that the endpoint could help (errno of Linux and macOS).
fn is_ours(error: &io::Error) -> bool {
    const ENOMEM: i32 = 12;
    matches!(error.raw_os_error(), Some(ENOMEM | ENFILE | EMFILE))
        || matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::OutOfMemory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f_57_being_out_of_descriptors_is_our_fault_and_a_refusal_is_not() {
        for (errno, expected) in [(24, Outcome::Local), (23, Outcome::Local), (111, Outcome::Connect)] {
            let error = ConnectError::Connect(io::Error::from_raw_os_error(errno));
            assert_eq!(error.outcome(), expected, "errno {errno}");
        }
    }
}
