//! Sources from configuration.

use std::fmt;

use serde::Deserialize;

use super::builder::ReceiverBuilder;
use super::config_error::ReceiverConfigError;
use super::source::{DedupBy, Source};
use crate::provider::{KeyUse, SchemeConfig};
use crate::secret::Keyring;
use crate::signature::{Settings, Tolerance};

/// A source in a configuration file (TOML, JSON, or any other format of serde).
///
/// ```
/// use hookwire::receiver::{Receiver, SourceConfig};
/// use hookwire::store::MemoryDedup;
///
/// #[derive(serde::Deserialize)]
/// struct Config { sources: Vec<SourceConfig> }
///
/// let config: Config = toml::from_str(r#"
///     [[sources]]
///     provider = "stripe"
///     secret = "whsec_one_of_stripe_s"
///
///     [[sources]]
///     provider = "trello"
///     name = "boards"
///     secrets = ["the new secret", "the old secret"]
///     settings = { callback_url = "https://example.com/hooks/trello" }
///
///     [[sources]]
///     secret = "a long and random secret"
///     [sources.scheme]
///     name = "acme"
///     id = ["json:/id"]
///     id_signed = true
///     [sources.scheme.signature]
///     algorithm = "hmac-sha256"
///     encoding = "hex"
///     headers = ["Acme-Signature"]
/// "#)?;
/// let receiver = Receiver::builder(MemoryDedup::new()).sources(config.sources)?.build()?;
/// assert!(receiver.gate("boards").is_ok() && receiver.gate("acme").is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "made by the application with struct update syntax")]
pub struct SourceConfig {
    /// The provider's name; see [`providers`](crate::guide::providers). Either this or a scheme is needed.
    pub provider: Option<String>,
    /// Your own scheme.
    pub scheme: Option<SchemeConfig>,
    /// The source's name. Default: that of the provider or of the scheme.
    pub name: Option<String>,
    /// The secret.
    pub secret: Option<String>,
    /// Several secrets, all of which are accepted while one is being replaced.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// The tenant of the events.
    pub tenant: Option<String>,
    /// How far the signed time may be from the clock, in seconds, instead of the tolerance of the scheme.
    pub tolerance_secs: Option<u64>,
    /// The longest body, in bytes; see [`Source::max_body`].
    pub max_body_bytes: Option<usize>,
    /// Whether to accept handshakes that hand over a key; see [`Source::accept_key`].
    #[serde(default)]
    pub accept_key: bool,
    /// Whether to accept requests without proof; see [`Source::dangerous_accept_unproved`].
    #[serde(default)]
    pub dangerous_accept_unproved: bool,
    /// How a repeated event is recognised: `identity`, `id_and_body`, `body` or `never`; see [`DedupBy`].
    #[serde(default)]
    pub dedup_by: DedupBy,
    /// The settings of the scheme.
    #[serde(default)]
    pub settings: Settings,
}

/// Prints no secret and no value of a setting.
impl fmt::Debug for SourceConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceConfig")
            .field("provider", &self.provider)
            .field("scheme", &self.scheme)
            .field("name", &self.name)
            .field("tenant", &self.tenant)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl SourceConfig {
    /// Returns the source that the configuration describes.
    ///
    /// # Errors
    /// Returns a [`ReceiverConfigError`] that names the invalid field.
    pub fn source(&self) -> Result<Source, ReceiverConfigError> {
        let secrets: Vec<_> = self.secret.iter().chain(&self.secrets).map(String::as_str).collect();
        let settings = self.settings.clone();
        let mut source = match (&self.provider, &self.scheme) {
            (Some(name), None) if self.accept_key && secrets.is_empty() => Source::awaiting_key(name, settings)?,
            (Some(name), None) => Source::provider(name, &secrets, settings)?,
            (None, Some(scheme)) => custom(scheme, &secrets, &settings, self.accept_key)?,
            (None, None) => return Err(ReceiverConfigError::NoProvider),
            (Some(_), Some(_)) => return Err(ReceiverConfigError::ProviderAndScheme),
        };
        if let Some(name) = &self.name {
            source = source.named(name.as_str());
        }
        if let Some(tenant) = &self.tenant {
            source = source.tenant(tenant.clone());
        }
        if let Some(secs) = self.tolerance_secs {
            let span = std::time::Duration::from_secs(secs);
            source = source.tolerance(Tolerance::within(span).ok_or(ReceiverConfigError::Tolerance)?);
        }
        source = source.dedup_by(self.dedup_by);
        match self.max_body_bytes {
            Some(0) => return Err(ReceiverConfigError::MaxBodyBytes),
            Some(bytes) => source = source.max_body(bytes),
            None => {}
        }
        source = if self.accept_key { source.accept_key() } else { source };
        Ok(if self.dangerous_accept_unproved { source.dangerous_accept_unproved() } else { source })
    }
}

fn custom(
    config: &SchemeConfig,
    secrets: &[&str],
    settings: &Settings,
    accept_key: bool,
) -> Result<Source, ReceiverConfigError> {
    let scheme = config.scheme().map_err(ReceiverConfigError::SchemeConfig)?;
    let keys = secrets.iter().map(|secret| scheme.key(secret)).collect::<Result<Vec<_>, _>>()?;
    let keyring = match (keys.is_empty(), scheme.key_use()) {
        (true, KeyUse::Required) if !accept_key => return Err(ReceiverConfigError::NoSecret),
        (true, _) => Keyring::empty(),
        (false, KeyUse::None) => return Err(ReceiverConfigError::UnneededSecret),
        (false, _) => Keyring::from_keys(keys)?,
    };
    let source = Source::new(config.name.as_str(), scheme, keyring);
    source.with_settings(settings.clone())
}

impl ReceiverBuilder {
    /// Adds the sources of a configuration.
    ///
    /// # Errors
    /// Returns a [`ReceiverConfigError`] that names the source and the field: `sources[2].settings: callback_url is missing`.
    pub fn sources(mut self, configs: impl IntoIterator<Item = SourceConfig>) -> Result<Self, ReceiverConfigError> {
        for (index, config) in configs.into_iter().enumerate() {
            let named = |error| ReceiverConfigError::Source { index, error: Box::new(error) };
            self = self.source(config.source().map_err(named)?);
        }
        Ok(self)
    }
}
