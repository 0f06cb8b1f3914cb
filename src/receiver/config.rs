//! Sources from configuration.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::builder::ReceiverBuilder;
use super::source::{DedupBy, Source, SourceError};
use crate::secret::{KeyError, Keyring};
use crate::signature::{KeyUse, SchemeConfig, SchemeError, Settings, Tolerance, Verify as _};

/// A source, as it stands in a configuration file (TOML, JSON, or whatever serde reads).
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
pub struct SourceConfig {
    /// The provider's name; see [`providers`](crate::signature::providers). Either this or a scheme.
    pub provider: Option<String>,
    /// A scheme of one's own.
    pub scheme: Option<SchemeConfig>,
    /// The source's name, where it is not the provider's or the scheme's.
    pub name: Option<String>,
    /// The secret.
    pub secret: Option<String>,
    /// Several, of which any is accepted, while one is being replaced.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// Whose events these are.
    pub tenant: Option<String>,
    /// How far the signed time may be off, in seconds to either side, instead of what the scheme says.
    pub tolerance_secs: Option<u64>,
    /// Longest body, in bytes; see [`Source::max_body`].
    pub max_body_bytes: Option<usize>,
    /// Whether handshakes that hand over a key are answered; see [`Source::set_up`].
    #[serde(default)]
    pub set_up: bool,
    /// Accepts what nothing proves; see [`Source::dangerous_accept_unproved`].
    #[serde(default)]
    pub dangerous_accept_unproved: bool,
    /// How a repeated event is recognised: `identity`, `id_and_body`, `body` or `never`; see [`DedupBy`].
    #[serde(default)]
    pub dedup_by: DedupBy,
    /// What the scheme wants to know beside the key.
    #[serde(default)]
    pub settings: BTreeMap<String, Values>,
}

/// One value of a setting, or several.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub enum Values {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// How many only: a setting may be a secret.
impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(_) => f.write_str("1 value"),
            Self::Many(all) => write!(f, "{} values", all.len()),
        }
    }
}

/// No secret and no setting's value.
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

/// A source in a configuration is none. The text names the field as a path, and repeats no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}{problem}")]
pub struct ConfigError {
    path: String,
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Source(SourceError),
    #[error("scheme.{0}")]
    Scheme(SchemeError),
    #[error("secret: is missing")]
    NoSecret,
    #[error("provider: is missing, and so is scheme")]
    Nothing,
    #[error("scheme: stands beside provider")]
    Both,
    #[error("tolerance_secs: must be more than zero")]
    Tolerance,
    #[error("max_body_bytes: must be more than zero")]
    MaxBody,
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        Self::Source(SourceError::Key(error))
    }
}

impl SourceConfig {
    /// The source that it describes.
    ///
    /// # Errors
    /// Names the field that is wrong, and says what is wrong with it.
    pub fn source(&self) -> Result<Source, ConfigError> {
        self.read().map_err(|problem| ConfigError { path: String::new(), problem })
    }

    fn read(&self) -> Result<Source, Problem> {
        let secrets: Vec<_> = self.secret.iter().chain(&self.secrets).map(String::as_str).collect();
        let settings = self.settings();
        let mut source = match (&self.provider, &self.scheme) {
            (Some(name), None) if self.set_up && secrets.is_empty() => {
                Source::awaiting_key(name, settings).map_err(Problem::Source)?
            }
            (Some(name), None) => Source::provider(name, &secrets, settings).map_err(Problem::Source)?,
            (None, Some(scheme)) => custom(scheme, &secrets, &settings, self.set_up)?,
            (None, None) => return Err(Problem::Nothing),
            (Some(_), Some(_)) => return Err(Problem::Both),
        };
        if let Some(name) = &self.name {
            source = source.named(name.as_str());
        }
        if let Some(tenant) = &self.tenant {
            source = source.tenant(tenant.clone());
        }
        if let Some(secs) = self.tolerance_secs {
            let span = std::time::Duration::from_secs(secs);
            source = source.tolerance(Tolerance::within(span).ok_or(Problem::Tolerance)?);
        }
        source = source.dedup_by(self.dedup_by);
        match self.max_body_bytes {
            Some(0) => return Err(Problem::MaxBody),
            Some(bytes) => source = source.max_body(bytes),
            None => {}
        }
        source = if self.set_up { source.set_up() } else { source };
        Ok(if self.dangerous_accept_unproved { source.dangerous_accept_unproved() } else { source })
    }

    fn settings(&self) -> Settings {
        self.settings.iter().fold(Settings::default(), |all, (name, values)| match values {
            Values::One(value) => all.with(name, value),
            Values::Many(values) => values.iter().fold(all, |all, value| all.with(name, value)),
        })
    }
}

fn custom(config: &SchemeConfig, secrets: &[&str], settings: &Settings, set_up: bool) -> Result<Source, Problem> {
    let scheme = config.scheme().map_err(Problem::Scheme)?;
    let keys = secrets.iter().map(|secret| scheme.key(secret)).collect::<Result<Vec<_>, _>>()?;
    let keyring = match (keys.is_empty(), scheme.key_use()) {
        (true, KeyUse::Required) if !set_up => return Err(Problem::NoSecret),
        (true, _) => Keyring::none(),
        (false, KeyUse::None) => return Err(Problem::Source(SourceError::UnneededSecret)),
        (false, _) => Keyring::of(keys)?,
    };
    let source = Source::new(config.name.as_str(), scheme, keyring);
    source.with_settings(settings.clone()).map_err(Problem::Source)
}

impl ReceiverBuilder {
    /// Adds the sources of a configuration.
    ///
    /// # Errors
    /// Names the source and the field: `sources[2].settings: callback_url is missing`.
    pub fn sources(mut self, configs: impl IntoIterator<Item = SourceConfig>) -> Result<Self, ConfigError> {
        for (index, config) in configs.into_iter().enumerate() {
            let source =
                config.read().map_err(|problem| ConfigError { path: format!("sources[{index}]."), problem })?;
            self = self.source(source);
        }
        Ok(self)
    }
}
