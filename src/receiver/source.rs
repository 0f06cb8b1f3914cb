//! Who sends to us, and how their requests are checked.

use std::sync::Arc;

use http::{HeaderValue, Method};
use serde::Deserialize;

use super::decide::Decide;
use super::keys::{Grant, KeySource, Keys};
use crate::clock::Timestamp;
use crate::id::Tenant;
use crate::secret::{Key, KeyError, Keyring};
use crate::signature::providers::Provider;
use crate::signature::{KeyUse, SchemeError, Settings, Tolerance, Trust, Verify};

/// Who sends to us: a scheme, keys, a tolerance, and how a repetition is recognised.
///
/// | default | value | change it with |
/// |---|---|---|
/// | tolerance of the signed time | what the scheme says: mostly 300 s, either way | [`tolerance`](Self::tolerance) |
/// | tenant | `default` | [`tenant`](Self::tenant), or [`resolved`](Self::resolved) for many |
/// | longest body | what the provider documents, else 1 MiB | [`max_body`](Self::max_body) |
/// | methods | POST, and what the scheme's handshakes need | [`also_method`](Self::also_method) |
/// | an event is recognised by | [`DedupBy::Identity`] | [`dedup_by`](Self::dedup_by), [`without_dedup`](Self::without_dedup) |
///
/// ```
/// use hookwire::receiver::Source;
/// use hookwire::signature;
///
/// let source = Source::standard("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?
///     .also_accept(signature::STANDARD.key("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")?)?
///     .named("billing")
///     .tenant("acme");
/// assert_eq!(source.name(), "billing");
/// # Ok::<(), hookwire::secret::KeyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Source {
    name: Arc<str>,
    scheme: Arc<dyn Verify>,
    keys: KeySource,
    tolerance: Option<Tolerance>,
    methods: Vec<Method>,
    dedup_by: DedupBy,
    settings: Settings,
    setup: bool,
    unproved: bool,
    decider: Option<Arc<dyn Decide>>,
    max_body: Option<usize>,
}

/// The longest body where neither the application nor the provider says anything.
const MAX_BODY: usize = 1 << 20;

/// How two requests are recognised as the same event, always within one tenant and one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DedupBy {
    /// The provider's documented idempotency key, signed or not, together with the event type: see the provider's row in
    /// the [guide](crate::guide::providers). Where a time is signed, the same signed bytes are a duplicate, too, whatever the
    /// unsigned headers hold. Where the provider gives neither an id nor a signed time, every request is handled.
    #[default]
    Identity,
    /// The id, the type and the body together.
    IdAndBody,
    /// The event's bytes alone, for 14 days or the [retention](super::ReceiverBuilder::retention): two different events with equal
    /// bytes count as one, and the second is lost.
    Body,
    /// Nothing: every request is handled, including retries and replays.
    Never,
}

/// Why a source cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// No provider has this name.
    #[error("provider: none is named {0}")]
    UnknownProvider(String),
    /// A secret that is none of this provider's.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The provider signs with a secret, and none was given.
    #[error("secret: is missing")]
    NoSecret,
    /// The provider has no secret to be given.
    #[error("secret: this provider has none")]
    UnneededSecret,
    /// The scheme cannot check anything without this setting.
    #[error("settings: {0} is missing")]
    MissingSetting(String),
    /// The scheme knows no such setting.
    #[error("settings: {0} is unknown")]
    UnknownSetting(String),
    /// A setting has a value that cannot be used. The text says what to write instead, and repeats nothing of the value.
    #[error("settings: {name} {problem}")]
    Setting {
        /// The setting's name.
        name: String,
        /// What is wrong with its value.
        problem: &'static str,
    },
}

impl Source {
    /// A source named `name`, checked by `scheme`: a reference to one of [`signature`](crate::signature)'s, or your own.
    ///
    /// ```
    /// use hookwire::receiver::Source;
    /// use hookwire::signature::providers::STRIPE;
    ///
    /// let test_mode = Source::new("stripe-test", &STRIPE, STRIPE.key("whsec_one_of_stripe_s")?.into());
    /// # Ok::<(), hookwire::secret::KeyError>(())
    /// ```
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, scheme: impl Verify, keyring: Keyring) -> Self {
        let grant = Grant { tenant: Tenant::default(), keyring };
        Self::with_keys(name.into(), Arc::new(scheme), KeySource::Fixed(grant))
    }

    /// A source whose tenants and keys are found by route.
    #[must_use]
    pub fn resolved(name: impl Into<Arc<str>>, scheme: impl Verify, keys: impl Keys) -> Self {
        Self::with_keys(name.into(), Arc::new(scheme), KeySource::Resolved(Arc::new(keys)))
    }

    fn with_keys(name: Arc<str>, scheme: Arc<dyn Verify>, keys: KeySource) -> Self {
        let handshakes = scheme.methods().into_iter().filter_map(|method| method.parse().ok());
        let mut methods: Vec<_> = std::iter::once(Method::POST).chain(handshakes).collect();
        methods.dedup();
        Self {
            name,
            scheme,
            keys,
            tolerance: None,
            methods,
            dedup_by: DedupBy::default(),
            settings: Settings::default(),
            setup: false,
            unproved: false,
            decider: None,
            max_body: None,
        }
    }

    /// A source of one of the [`providers`](crate::signature::providers), by name: for configuration that is read at
    /// start. Any of the secrets is accepted.
    ///
    /// ```
    /// use hookwire::receiver::Source;
    /// use hookwire::signature::Settings;
    ///
    /// let source = Source::provider("stripe", &["whsec_one_of_stripe_s"], Settings::default())?;
    /// assert!(Source::provider("strype", &["whsec_one_of_stripe_s"], Settings::default()).is_err());
    /// # Ok::<(), hookwire::receiver::SourceError>(())
    /// ```
    ///
    /// # Errors
    /// When there is no such provider, a secret is none of its, or a setting is missing or unknown.
    pub fn provider(name: &str, secrets: &[&str], settings: Settings) -> Result<Self, SourceError> {
        let provider = Provider::named(name).ok_or_else(|| SourceError::UnknownProvider(name.into()))?;
        let keys = secrets.iter().map(|secret| provider.scheme.read_key(secret)).collect::<Result<Vec<_>, _>>()?;
        let keyring = match (keys.is_empty(), provider.scheme.key_use()) {
            (true, KeyUse::Required) => return Err(SourceError::NoSecret),
            (true, _) => Keyring::none(),
            (false, KeyUse::None) => return Err(SourceError::UnneededSecret),
            (false, _) => Keyring::of(keys)?,
        };
        Self::new(provider.name, provider.scheme, keyring).with_settings(settings)
    }

    /// A source of a provider that hands over its key in a handshake (Asana, Notion), before there is one. It answers the
    /// handshake, as after [`set_up`](Self::set_up), and accepts nothing else.
    ///
    /// # Errors
    /// When there is no such provider, or a setting is missing or unknown.
    pub fn awaiting_key(name: &str, settings: Settings) -> Result<Self, SourceError> {
        let provider = Provider::named(name).ok_or_else(|| SourceError::UnknownProvider(name.into()))?;
        Self::new(provider.name, provider.scheme, Keyring::none()).set_up().with_settings(settings)
    }

    pub(super) fn with_settings(mut self, settings: Settings) -> Result<Self, SourceError> {
        self.settings = settings;
        self.check_settings()?;
        Ok(self)
    }

    /// A source without a secret, checked by a scheme that fetches its keys.
    #[must_use]
    pub fn keyless(name: impl Into<Arc<str>>, scheme: impl Verify) -> Self {
        Self::new(name, scheme, Keyring::none())
    }

    /// One of the providers, by its secret.
    pub(super) fn known(provider: &'static dyn Verify, name: &'static str, secret: &str) -> Result<Self, KeyError> {
        let keyring = Keyring::new(provider.read_key(secret)?);
        Ok(Self::new(name, provider, keyring))
    }

    /// Another name: for a second source of one provider.
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Whose events these are. Without effect on a [`resolved`](Self::resolved) source, where the route says so.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<Tenant>) -> Self {
        if let KeySource::Fixed(grant) = &mut self.keys {
            grant.tenant = tenant.into();
        }
        self
    }

    /// How far the signed time may be from ours, instead of what the scheme says.
    #[must_use]
    pub const fn tolerance(mut self, tolerance: Tolerance) -> Self {
        self.tolerance = Some(tolerance);
        self
    }

    /// Says what the scheme wants to know beside the key; a name may have several values.
    #[must_use]
    pub fn setting(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings = self.settings.with(name, value);
        self
    }

    /// Answers handshakes in which the provider hands over its key (Asana, Notion). Say it only while the webhook is being
    /// created: at any other time such a request comes from somebody who wants his own key to be used. The key stands in
    /// [`Reply::capture`](crate::signature::Reply), in the extensions of the answer and in
    /// [`Accepted::Handshake`](super::Accepted).
    #[must_use]
    pub const fn set_up(mut self) -> Self {
        self.setup = true;
        self
    }

    /// Who says yes or no to handshakes that the application must decide about. Without it: no, except for what the
    /// settings allow.
    #[must_use]
    pub fn decide(mut self, decider: impl Decide) -> Self {
        self.decider = Some(Arc::new(decider));
        self
    }

    /// Accepts what nothing proves, of a provider that signs nothing (Mollie's classic webhooks). Dangerous: anybody can
    /// send such a request; take nothing from it but the id, and ask the provider for the rest.
    #[must_use]
    pub const fn dangerous_accept_unproved(mut self) -> Self {
        self.unproved = true;
        self
    }

    /// Accepts one more key, while a secret is being replaced. Without effect on a [`resolved`](Self::resolved) source.
    ///
    /// # Errors
    /// When the ring is full.
    pub fn also_accept(mut self, key: Key) -> Result<Self, KeyError> {
        if let KeySource::Fixed(grant) = &mut self.keys {
            grant.keyring.add(key)?;
        }
        Ok(self)
    }

    /// Accepts one more method: PUT for a provider that sends so, GET or OPTIONS for a handshake. Events are accepted
    /// by POST and PUT only.
    #[must_use]
    pub fn also_method(mut self, method: Method) -> Self {
        self.methods.push(method);
        self
    }

    /// Longest body, in bytes, as received and when it is decompressed; longer ones are answered 413. Without it: the
    /// [receiver's](super::ReceiverBuilder::max_body), if it has one; else what the provider documents (GitHub: 25 MiB); else 1 MiB.
    #[must_use]
    pub const fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = Some(bytes);
        self
    }

    pub(super) const fn own_max_body(&self) -> Option<usize> {
        self.max_body
    }

    pub(super) fn max_body_or(&self, of_receiver: Option<usize>) -> usize {
        self.max_body.or(of_receiver).or_else(|| self.scheme.max_body()).unwrap_or(MAX_BODY)
    }

    /// Sets how a repeated event is recognised.
    #[must_use]
    pub const fn dedup_by(mut self, rule: DedupBy) -> Self {
        self.dedup_by = rule;
        self
    }

    /// Handles every request, retries and replays too: the same as [`DedupBy::Never`]. For handlers that deduplicate themselves.
    #[must_use]
    pub const fn without_dedup(self) -> Self {
        self.dedup_by(DedupBy::Never)
    }

    /// Its name: in the dedup key, in traces, and for [`Receiver::layer`](super::Receiver::layer).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    pub(super) fn scheme(&self) -> &dyn Verify {
        self.scheme.as_ref()
    }

    pub(super) const fn keys(&self) -> &KeySource {
        &self.keys
    }

    pub(super) fn decider(&self) -> Option<&dyn Decide> {
        self.decider.as_deref()
    }

    /// What a request is checked against.
    pub(super) fn trust<'a>(&'a self, keys: &'a Keyring, now: Timestamp) -> Trust<'a> {
        Trust { tolerance: self.tolerance, settings: &self.settings, setup: self.setup, ..Trust::new(keys, now) }
    }

    /// Whether it has all settings that its scheme needs, none that it does not know, and each with a value of its kind.
    pub(super) fn check_settings(&self) -> Result<(), SourceError> {
        let known = self.scheme.settings();
        let missing = known.iter().find(|setting| setting.required && self.settings.get(setting.name).is_none());
        if let Some(setting) = missing {
            return Err(SourceError::MissingSetting(setting.name.into()));
        }
        let strange = self.settings.names().find(|name| known.iter().all(|setting| setting.name != *name));
        if let Some(name) = strange {
            return Err(SourceError::UnknownSetting(name.into()));
        }
        let values = known.iter().flat_map(|it| self.settings.all(it.name).iter().map(move |value| (it, value)));
        let wrong = values.into_iter().find_map(|(it, value)| Some((it, it.kind.check(value).err()?)));
        wrong.map_or(Ok(()), |(it, problem)| Err(SourceError::Setting { name: it.name.into(), problem }))
    }

    pub(super) fn check_scheme(&self) -> Result<(), SchemeError> {
        self.scheme.check()
    }

    /// Whether what it accepts is proved, or it was told to do without.
    pub(super) fn is_proved(&self) -> bool {
        self.unproved || self.scheme.proves_origin()
    }

    pub(super) const fn dedup_rule(&self) -> DedupBy {
        self.dedup_by
    }

    pub(super) fn fixed_tenant(&self) -> Option<&Tenant> {
        match &self.keys {
            KeySource::Fixed(grant) => Some(&grant.tenant),
            KeySource::Resolved(_) => None,
        }
    }

    pub(super) fn accepts(&self, method: &Method) -> bool {
        self.methods.contains(method)
    }

    /// The value of the `Allow` header.
    pub(super) fn allowed_methods(&self) -> HeaderValue {
        let list = self.methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        HeaderValue::try_from(list).unwrap_or(HeaderValue::from_static("POST"))
    }
}
