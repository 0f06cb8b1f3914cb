//! Why a connection could not be opened.

use std::io;
use std::sync::Arc;

use super::refusal::Refusal;
use super::tls_error::TlsFailure;
use crate::outcome::Outcome;

/// Why a connection could not be opened. The texts contain no address and no name, because the endpoint's owner may see them.
#[derive(Debug, thiserror::Error)]
pub(in crate::sender) enum ConnectError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the name could not be resolved")]
    Resolve(#[source] Arc<io::Error>),
    #[error("too many names are being resolved")]
    TooManyLookups,
    #[error("the name could not be resolved in time")]
    ResolveTimeout,
    #[error("the name has no address")]
    NoAddress,
    #[error("the connection could not be opened")]
    Connect(#[source] io::Error),
    #[error("the connection could not be opened in time")]
    ConnectTimeout,
    #[error("the TLS handshake failed: {}", TlsFailure::of(.0))]
    Tls(#[source] io::Error),
    #[error("the TLS handshake did not end in time")]
    TlsTimeout,
}

impl ConnectError {
    pub(in crate::sender) fn outcome(&self) -> Outcome {
        match self {
            Self::Refused(_) => Outcome::Blocked,
            Self::Resolve(error) if is_local(error) => Outcome::Local,
            Self::Connect(error) if is_local(error) => Outcome::Local,
            Self::TooManyLookups => Outcome::Local,
            Self::Resolve(_) | Self::ResolveTimeout | Self::NoAddress => Outcome::Dns,
            Self::Connect(_) | Self::ConnectTimeout => Outcome::Connect,
            Self::Tls(_) | Self::TlsTimeout => Outcome::Tls,
        }
    }

    /// Why the TLS handshake failed; `None` if something else failed.
    pub(in crate::sender) fn tls_failure(&self) -> Option<TlsFailure> {
        match self {
            Self::Tls(error) => Some(TlsFailure::of(error)),
            Self::TlsTimeout => Some(TlsFailure::Timeout),
            _ => None,
        }
    }

    /// Whether the process or the machine has no free file descriptor. Closing idle connections may help.
    pub(in crate::sender) fn is_out_of_descriptors(&self) -> bool {
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

/// Whether this machine is the cause: it has run out of descriptors, ports or memory (errno values of Linux and macOS).
fn is_local(error: &io::Error) -> bool {
    const ENOMEM: i32 = 12;
    matches!(error.raw_os_error(), Some(ENOMEM | ENFILE | EMFILE))
        || matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::OutOfMemory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f_57_a_lack_of_descriptors_is_a_local_failure_and_a_refused_connection_is_not() {
        for (errno, expected) in [(24, Outcome::Local), (23, Outcome::Local), (111, Outcome::Connect)] {
            let error = ConnectError::Connect(io::Error::from_raw_os_error(errno));
            assert_eq!(error.outcome(), expected, "errno {errno}");
        }
    }

    #[test]
    fn only_a_failed_handshake_has_a_cause_in_tls() {
        let closed = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let name = |error: ConnectError| error.tls_failure().map(TlsFailure::name);
        assert_eq!(name(ConnectError::TlsTimeout), Some("timeout"));
        assert_eq!(name(ConnectError::Tls(closed())), Some("closed"));
        assert_eq!((name(ConnectError::Connect(closed())), name(ConnectError::ConnectTimeout)), (None, None));
    }
}
