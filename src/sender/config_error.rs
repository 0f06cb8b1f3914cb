//! Why a sender cannot be built.

use http::HeaderName;

use super::http::HttpError;
use crate::worker::WorkerError;

/// The configuration of a sender is invalid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SenderConfigError {
    /// The worker's configuration is invalid.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The settings of the HTTP client are invalid.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// [Development mode](super::SenderBuilder::for_development) in a release build.
    #[error(
        "for_development: is refused in a release build, because endpoints could reach this machine; remove the call, or also call \
         dangerous_development_in_release()"
    )]
    Development,
    /// The header for the event's type, or for the number of the attempt, cannot have this name.
    #[error("{name}: is not allowed as the name of this header; choose a name that starts with x- and your own name")]
    Header {
        /// The name.
        name: HeaderName,
    },
}
