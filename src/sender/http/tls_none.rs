//! Without the feature `ring`, the application must set its own TLS configuration.

use rustls::ClientConfig;

use super::options::HttpError;

pub(super) fn default_config() -> Result<ClientConfig, HttpError> {
    Err(HttpError::NoTls)
}
