//! Why a receiver cannot be set up.

use std::sync::Arc;

use crate::field::FieldError;
use crate::secret::KeyError;

/// Longest source name, in bytes.
pub(super) const MAX_NAME_BYTES: usize = 64;

/// The configuration of a receiver, of a source, of an event router or of an inbox is invalid. The text names the field and contains no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiverConfigError {
    /// The receiver has no source.
    #[error("source: at least one is needed")]
    NoSource,
    /// A source's name is empty, longer than 64 bytes, or not visible ASCII.
    #[error("source: the name must be 1 to {MAX_NAME_BYTES} visible ASCII characters")]
    SourceName,
    /// Two sources have the same name.
    #[error("source: {0} is the name of two sources")]
    DuplicateSource(String),
    /// The receiver has no source of this name.
    #[error("source: {0} is unknown")]
    UnknownSource(String),
    /// The provider signs nothing, so anybody could send its events.
    #[error("source: {0} signs nothing; see dangerous_accept_unproved")]
    Unproved(String),
    /// No provider has this name.
    #[error("provider: {0} is unknown")]
    UnknownProvider(String),
    /// A source in a configuration file has neither a provider nor a scheme.
    #[error("provider: is missing; set provider or scheme")]
    NoProvider,
    /// A source in a configuration file has a provider and a scheme.
    #[error("scheme: cannot be set together with provider")]
    ProviderAndScheme,
    /// The scheme of the named source is invalid.
    #[error("scheme of {0}: {1}")]
    Scheme(String, FieldError),
    /// A scheme in a configuration file is invalid.
    #[error("scheme.{0}")]
    SchemeConfig(FieldError),
    /// The secret does not have the form of this provider's secrets.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The secret is missing, but the provider signs with a secret.
    #[error("secret: is missing")]
    NoSecret,
    /// There is a secret, but the provider uses no secret.
    #[error("secret: must be absent, because this provider uses no secret")]
    UnneededSecret,
    /// A setting that the scheme needs is missing.
    #[error("settings: {0} is missing")]
    MissingSetting(String),
    /// The scheme has no such setting.
    #[error("settings: {0} is unknown")]
    UnknownSetting(String),
    /// A setting has an invalid value. The text names what to write instead and does not contain the value.
    #[error("settings: {name} {problem}")]
    Setting {
        /// The setting's name.
        name: String,
        /// Why the value is invalid.
        problem: &'static str,
    },
    /// A source's tenant is invalid.
    #[error(transparent)]
    Tenant(FieldError),
    /// `tolerance_secs` of a configuration file is zero, so no request would be in time.
    #[error("tolerance_secs: must be more than zero")]
    Tolerance,
    /// `max_body` is zero, so no body would pass.
    #[error("max_body: must be more than zero")]
    MaxBody,
    /// `max_body_bytes` of a configuration file is zero, so no body would pass.
    #[error("max_body_bytes: must be more than zero")]
    MaxBodyBytes,
    /// `body_deadline` is zero, so no body would arrive in time.
    #[error("body_deadline: must be more than zero")]
    BodyDeadline,
    /// `lease` is so short that handlers would overrun it.
    #[error("lease: must be at least 1 s")]
    Lease,
    /// `retention` is so short that late retries would be handled as new events.
    #[error("retention: must be at least 8 days, or set by dangerous_retention")]
    Retention,
    /// The pattern of a handler is empty, or has a star that is not at its end.
    #[error("pattern `{0}`: must be a type, a prefix followed by `*`, or `*`")]
    Pattern(String),
    /// Two handlers of an event router have the same pattern.
    #[error("pattern `{0}`: has two handlers")]
    DuplicatePattern(String),
    /// The inbox has no queue.
    #[error("queue: at least one is needed")]
    NoQueue,
    /// The name of a queue is not 1 to 32 characters of `[A-Za-z0-9_.-]`.
    #[error("queue `{name}`: {error}")]
    QueueName {
        /// The beginning of the name.
        name: String,
        /// Why it is invalid.
        error: FieldError,
    },
    /// Two queues have the same name, so they would share their jobs.
    #[error("queue: {0} is the name of two queues")]
    DuplicateQueue(Arc<str>),
    /// The settings of the worker of an inbox are invalid: the name of the setting, and what is wrong with it.
    #[error("{0}")]
    Worker(String),
    /// One of the sources of a configuration file is invalid.
    #[error("sources[{index}].{error}")]
    Source {
        /// The number of the source, from 0.
        index: usize,
        /// Why it is invalid.
        error: Box<Self>,
    },
}
