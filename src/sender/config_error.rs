//! Why a sender or its HTTP client cannot be built.

use http::HeaderName;

use crate::worker::WorkerError;

/// The configuration of a sender, or of its HTTP client, is invalid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SenderConfigError {
    /// The worker's configuration is invalid.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// [`exchange_timeout`](super::http::HttpOptions::exchange_timeout) is zero.
    #[error("exchange_timeout: must be longer than zero")]
    ZeroTimeout,
    /// The feature `ring` is off, and [`tls`](super::http::HttpOptions::tls) is not set.
    #[error("tls: set a rustls ClientConfig with HttpOptions::tls, or enable the feature `ring`")]
    NoTls,
    /// rustls rejects the default configuration.
    #[error("tls: the default configuration is invalid")]
    Tls(#[source] rustls::Error),
    /// [Development mode](super::SenderBuilder::for_development) in a release build.
    #[error(
        "for_development: is refused in a release build, because endpoints could reach this machine; remove the call, or also call \
         dangerous_development_in_release()"
    )]
    Development,
    /// [`max_response_body`](super::SenderBuilder::max_response_body) is larger than what is read of a response.
    #[error(
        "max_response_body: must be at most {max} bytes, because no more of a response is read; set a smaller number"
    )]
    ResponseBody {
        /// The largest number of bytes.
        max: usize,
    },
    /// The header for the event's type, or for the number of the attempt, cannot have this name.
    #[error("{name}: is not allowed as the name of this header; choose a name that starts with x- and your own name")]
    Header {
        /// The name.
        name: HeaderName,
    },
}
