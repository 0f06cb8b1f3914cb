//! TLS with ring and the root certificates of Mozilla's root program.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use super::super::config_error::SenderConfigError;

/// The provider is passed explicitly, so the process-wide default provider of rustls is neither used nor changed.
pub(super) fn default_config() -> Result<ClientConfig, SenderConfigError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(builder.map_err(SenderConfigError::Tls)?.with_root_certificates(roots).with_no_client_auth())
}
