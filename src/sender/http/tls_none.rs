//! Without the feature `ring`, the application must set its own TLS configuration.

use rustls::ClientConfig;

use super::super::config_error::SenderConfigError;

pub(super) fn default_config() -> Result<ClientConfig, SenderConfigError> {
    Err(SenderConfigError::NoTls)
}
