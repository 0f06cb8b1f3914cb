//! Without the feature `ring` the application brings its own TLS.

use rustls::ClientConfig;

use super::options::HttpError;

pub(super) fn default() -> Result<ClientConfig, HttpError> {
    Err(HttpError::NoTls)
}
