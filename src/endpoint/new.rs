//! An endpoint that is to be.

use std::sync::Arc;

use super::{CustomHeaders, Filter, FilterError, Labels, Limits, MAX_PATTERNS, OnFailure, Target, TargetError};
use crate::id::Tenant;
use crate::secret::Keyring;

/// What an application says of an endpoint it creates.
///
/// ```
/// use hookwire::endpoint::NewEndpoint;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let endpoint = NewEndpoint::https("https://acme.example/hooks")?.tenant("acme").events(["invoice.*"])?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct NewEndpoint {
    pub(crate) tenant: Tenant,
    pub(crate) target: Target,
    pub(crate) filter: Filter,
    pub(crate) keys: Option<Keyring>,
    pub(crate) schemes: Vec<Arc<str>>,
    pub(crate) headers: CustomHeaders,
    pub(crate) limits: Limits,
    pub(crate) ceiling: Option<Limits>,
    pub(crate) on_failure: OnFailure,
    pub(crate) retry: Option<Arc<str>>,
    pub(crate) traced: bool,
    pub(crate) labels: Labels,
    pub(crate) fixed_target: bool,
}

/// Why an endpoint cannot be described so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NewEndpointError {
    /// The URL is malformed.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A pattern is malformed.
    #[error(transparent)]
    Pattern(#[from] crate::event::PatternError),
    /// No pattern, or too many.
    #[error(transparent)]
    Filter(#[from] FilterError),
}

impl NewEndpoint {
    /// An endpoint at an `https` URL.
    ///
    /// # Errors
    /// When it is not an `https` URL that hookwire accepts; see [`Target`].
    pub fn https(url: &str) -> Result<Self, NewEndpointError> {
        let target = Target::parse(url)?;
        if target.is_https() { Ok(Self::at(target)) } else { Err(TargetError::NotHttps.into()) }
    }

    /// An endpoint at any target. Plain `http` is refused when it is created, unless the sender's egress policy
    /// dangerously allows it.
    #[must_use]
    pub fn at(target: Target) -> Self {
        let (tenant, filter, limits) = (Tenant::default(), Filter::default(), Limits::default());
        let (schemes, headers) = (Vec::new(), CustomHeaders::new());
        Self {
            tenant,
            target,
            filter,
            keys: None,
            schemes,
            headers,
            limits,
            ceiling: None,
            on_failure: OnFailure::Skip,
            retry: None,
            traced: false,
            labels: Labels::new(),
            fixed_target: false,
        }
    }

    /// Whose it is. Without this: [`Tenant::default`].
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<Tenant>) -> Self {
        self.tenant = tenant.into();
        self
    }

    /// Which events it wants. Without this: all.
    ///
    /// # Errors
    /// When a pattern is malformed, or there is none, or more than [`MAX_PATTERNS`].
    pub fn events<I>(mut self, patterns: I) -> Result<Self, NewEndpointError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let patterns = patterns.into_iter().take(MAX_PATTERNS + 1).map(|text| text.as_ref().parse());
        self.filter = Filter::new(patterns.collect::<Result<_, _>>()?)?;
        Ok(self)
    }

    /// What requests are signed with. Without this: a fresh `whsec_` key.
    #[must_use]
    pub fn keys(mut self, keys: Keyring) -> Self {
        self.keys = Some(keys);
        self
    }

    /// By which schemes requests are signed, all of them on each request: `standard`, `stripe`, `github`, or what the sender was
    /// [given](crate::sender::SenderBuilder::signer). Without this: `standard`. Where `standard` is not among them, a fresh key
    /// is a text whose UTF-8 is the secret.
    #[must_use]
    pub fn schemes<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.schemes = names.into_iter().map(|name| name.as_ref().into()).collect();
        self
    }

    /// What its owner wants on every request.
    #[must_use]
    pub fn headers(mut self, headers: CustomHeaders) -> Self {
        self.headers = headers;
        self
    }

    /// Its URL cannot be changed later: it belongs to something, such as a subscription, that is made anew for another URL.
    #[must_use]
    pub const fn with_fixed_target(mut self) -> Self {
        self.fixed_target = true;
        self
    }

    /// What it may use at once.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What the application notes on it.
    #[must_use]
    pub fn labels(mut self, labels: Labels) -> Self {
        self.labels = labels;
        self
    }

    /// Requests to it carry the trace they belong to (`traceparent`), by the sender's
    /// [propagator](crate::sender::SenderBuilder::propagate). Without this they do not: a stranger need not know.
    #[must_use]
    pub const fn traced(mut self) -> Self {
        self.traced = true;
        self
    }

    /// The retry policy, by the name under which the sender knows it. Without this: by event type, or the sender's own.
    #[must_use]
    pub fn retry(mut self, name: impl Into<Arc<str>>) -> Self {
        self.retry = Some(name.into());
        self
    }

    /// What becomes of an ordering key when its head has failed for good. Without this: the next one follows.
    #[must_use]
    pub const fn on_failure(mut self, rule: OnFailure) -> Self {
        self.on_failure = rule;
        self
    }
}
