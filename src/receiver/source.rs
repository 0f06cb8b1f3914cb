//! A source: the sender of requests, and how its requests are checked.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use http::{HeaderValue, Method};
use serde::Deserialize;

use super::config_error::ReceiverConfigError;
use super::diagnoses::Diagnoses;
use super::keys::{BoxError, KeySource, ResolvedKeys};
use crate::clock::Timestamp;
use crate::field::FieldError;
use crate::id::Tenant;
use crate::provider::{Challenge, KeyUse, Scheme};
use crate::secret::{Key, KeyError, Keyring};
use crate::signature::{Settings, Tolerance, Trust};

/// A sender of requests: its scheme and keys, a tolerance, and how a repeated event is recognised.
///
/// | default | value | change it with |
/// |---|---|---|
/// | tolerance of the signed time | that of the scheme, mostly 300 s in both directions | [`tolerance`](Self::tolerance) |
/// | tenant | `default` | [`tenant`](Self::tenant), or [`resolved`](Self::resolved) for many |
/// | longest body | what the provider documents, else 1 MiB | [`max_body`](Self::max_body) |
/// | methods | POST, and those of the scheme's handshakes | [`also_method`](Self::also_method) |
/// | an event is recognised by | [`DedupBy::Identity`] | [`dedup_by`](Self::dedup_by), [`without_dedup`](Self::without_dedup) |
///
/// ```
/// use hookwire::receiver::Source;
/// use hookwire::secret::Key;
///
/// let source = Source::standard("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?
///     .also_accept(Key::parse("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")?)?
///     .named("billing")
///     .tenant("acme");
/// assert_eq!(source.name(), "billing");
/// # Ok::<(), hookwire::secret::KeyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Source {
    name: Arc<str>,
    scheme: &'static Scheme,
    keys: KeySource,
    tolerance: Option<Tolerance>,
    methods: Vec<Method>,
    dedup_by: DedupBy,
    settings: Settings,
    accept_key: bool,
    unproved: bool,
    decider: Option<Decider>,
    max_body: Option<usize>,
    diagnoses: Option<Arc<Diagnoses>>,
}

/// The function of the application that accepts or rejects handshakes.
#[derive(Clone)]
struct Decider(Arc<dyn Fn(Tenant, Challenge) -> Deciding + Send + Sync>);

type Deciding = Pin<Box<dyn Future<Output = bool> + Send>>;

impl fmt::Debug for Decider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decider")
    }
}

/// The longest body, in bytes, if neither the application nor the provider sets one.
const MAX_BODY: usize = 1 << 20;

/// How two requests are recognised as the same event, always within one tenant and one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DedupBy {
    /// The provider's documented idempotency key, signed or not, together with the event type: see the provider's row in
    /// the [guide](crate::guide::providers). If a time is signed, a request with the same signed bytes is a duplicate too, whatever
    /// its unsigned headers contain. If the provider sends neither an id nor a signed time, every request is handled.
    #[default]
    Identity,
    /// The id, the type and the body together.
    IdAndBody,
    /// The event's bytes alone, for the [retention](super::ReceiverBuilder::retention). If two different events have equal bytes, the
    /// second one is lost.
    Body,
    /// Every request is handled, including retries and replays.
    Never,
}

impl Source {
    /// Creates a source with this name. `scheme` checks its requests: a scheme of [`provider`](crate::provider), or your own.
    ///
    /// ```
    /// use hookwire::receiver::Source;
    /// use hookwire::provider::STRIPE;
    ///
    /// let test_mode = Source::new("stripe-test", &STRIPE, STRIPE.key("whsec_one_of_stripe_s")?.into());
    /// # Ok::<(), hookwire::secret::KeyError>(())
    /// ```
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, scheme: &'static Scheme, keyring: Keyring) -> Self {
        let keys = ResolvedKeys { tenant: Tenant::default(), keyring };
        Self::with_keys(name.into(), scheme, KeySource::Fixed(keys))
    }

    /// Creates a source whose tenant and keys depend on the route. `resolve` gets the path of the request without the query, as the layer
    /// sees it. Below `Router::nest`, this is the rest of the path.
    /// 1. `resolve` gets neither the headers nor the payload, because a stranger could have written them (R-20).
    /// 2. It MUST return `None` for an unknown route, and never another tenant's keys. The request is then rejected
    ///    (`an_unknown_route_looks_like_a_bad_signature`).
    /// 3. It MUST return an error if it cannot find out. The request is then answered with 503 (`keys_out_of_reach_fail_closed`). The error
    ///    is traced and not sent.
    /// 4. It SHOULD use a cache, because it is called for every request, also for requests of strangers, before anything is verified.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use std::sync::Arc;
    /// use hookwire::id::Tenant;
    /// use hookwire::provider::STANDARD;
    /// use hookwire::receiver::Source;
    /// use hookwire::secret::Keyring;
    /// use hookwire::store::StoreError;
    ///
    /// let customers: Arc<HashMap<String, (Tenant, Keyring)>> = Arc::default();
    /// let source = Source::resolved("customers", &STANDARD, move |path| {
    ///     let customers = Arc::clone(&customers);
    ///     async move {
    ///         let found = path.strip_prefix("/hooks/").and_then(|customer| customers.get(customer));
    ///         Ok::<_, StoreError>(found.cloned())
    ///     }
    /// });
    /// # assert_eq!(source.name(), "customers");
    /// ```
    #[must_use]
    pub fn resolved<F, Fut, E>(name: impl Into<Arc<str>>, scheme: &'static Scheme, resolve: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<(Tenant, Keyring)>, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        Self::with_keys(name.into(), scheme, KeySource::by_path(resolve))
    }

    fn with_keys(name: Arc<str>, scheme: &'static Scheme, keys: KeySource) -> Self {
        let handshakes = scheme.methods().filter_map(|method| method.parse().ok());
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
            accept_key: false,
            unproved: false,
            decider: None,
            max_body: None,
            diagnoses: Some(Arc::new(Diagnoses::new())),
        }
    }

    /// Creates a source of one of the [`providers`](crate::guide::providers) by name, for configuration that is read at start. Any of the
    /// secrets is accepted.
    ///
    /// ```
    /// use hookwire::receiver::Source;
    /// use hookwire::signature::Settings;
    ///
    /// let source = Source::provider("stripe", &["whsec_one_of_stripe_s"], Settings::default())?;
    /// assert!(Source::provider("strype", &["whsec_one_of_stripe_s"], Settings::default()).is_err());
    /// # Ok::<(), hookwire::receiver::ReceiverConfigError>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`ReceiverConfigError`] if the provider is unknown, a secret is not valid for the provider, or a setting is missing or
    /// unknown.
    pub fn provider(name: &str, secrets: &[&str], settings: Settings) -> Result<Self, ReceiverConfigError> {
        let provider = Scheme::named(name).ok_or_else(|| ReceiverConfigError::UnknownProvider(name.into()))?;
        let keys = secrets.iter().map(|secret| provider.key(secret)).collect::<Result<Vec<_>, _>>()?;
        let keyring = match (keys.is_empty(), provider.key_use()) {
            (true, KeyUse::Required) => return Err(ReceiverConfigError::NoSecret),
            (true, _) => Keyring::empty(),
            (false, KeyUse::None) => return Err(ReceiverConfigError::UnneededSecret),
            (false, _) => Keyring::from_keys(keys)?,
        };
        Self::new(provider.name(), provider, keyring).with_settings(settings)
    }

    /// Creates a source without a key, for a provider that hands over its key in a handshake (Asana, Notion). The source answers the
    /// handshake, as after [`accept_key`](Self::accept_key), and accepts nothing else.
    ///
    /// # Errors
    /// Returns a [`ReceiverConfigError`] if the provider is unknown, or a setting is missing or unknown.
    pub fn awaiting_key(name: &str, settings: Settings) -> Result<Self, ReceiverConfigError> {
        let provider = Scheme::named(name).ok_or_else(|| ReceiverConfigError::UnknownProvider(name.into()))?;
        Self::new(provider.name(), provider, Keyring::empty()).accept_key().with_settings(settings)
    }

    pub(super) fn with_settings(mut self, settings: Settings) -> Result<Self, ReceiverConfigError> {
        self.settings = settings;
        self.check_settings()?;
        Ok(self)
    }

    /// Creates a source without a secret, whose scheme fetches its keys.
    #[must_use]
    pub fn keyless(name: impl Into<Arc<str>>, scheme: &'static Scheme) -> Self {
        Self::new(name, scheme, Keyring::empty())
    }

    /// Creates a source of one of the providers, with its secret.
    pub(super) fn known(provider: &'static Scheme, name: &'static str, secret: &str) -> Result<Self, KeyError> {
        let keyring = Keyring::new(provider.key(secret)?);
        Ok(Self::new(name, provider, keyring))
    }

    /// Sets another name, for a second source of the same provider.
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the tenant of the events. It has no effect on a [`resolved`](Self::resolved) source, whose tenant depends on the route.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<Tenant>) -> Self {
        if let KeySource::Fixed(keys) = &mut self.keys {
            keys.tenant = tenant.into();
        }
        self
    }

    /// Sets how far the signed time may be from the clock, instead of the tolerance of the scheme.
    #[must_use]
    pub const fn tolerance(mut self, tolerance: Tolerance) -> Self {
        self.tolerance = Some(tolerance);
        self
    }

    /// Sets one value of a setting of the scheme. A setting may have several values.
    #[must_use]
    pub fn setting(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings = self.settings.with(name, value);
        self
    }

    /// Accepts handshakes in which the provider hands over its key (Asana, Notion). Use it only while the webhook is being created. At any
    /// other time, such a request may be an attempt to replace the key. The key is in [`Reply::capture`](crate::provider::Reply), in the
    /// extensions of the response and in [`Accepted::Handshake`](super::Accepted).
    #[must_use]
    pub const fn accept_key(mut self) -> Self {
        self.accept_key = true;
        self
    }

    /// Sets the function that accepts or rejects a handshake that only the application can decide: whether it subscribed to this topic
    /// (`WebSub`), or whether this origin may send (`CloudEvents`). `decide` gets the tenant of the route. The subject is not verified,
    /// because anybody may have written it. Return `false` if you cannot decide. Default: such handshakes are rejected, unless the settings
    /// allow them.
    ///
    /// ```
    /// use hookwire::receiver::Source;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let source = Source::websub("a secret of some length")?.decide(|_tenant, challenge| async move {
    ///     challenge.kind == "subscribe" && challenge.subject.starts_with("https://example.org/feeds/")
    /// });
    /// # assert_eq!(source.name(), "websub");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn decide<F, Fut>(mut self, decide: F) -> Self
    where
        F: Fn(Tenant, Challenge) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = bool> + Send + 'static,
    {
        self.decider = Some(Decider(Arc::new(move |tenant, challenge| Box::pin(decide(tenant, challenge)))));
        self
    }

    /// Accepts requests of a provider that signs nothing (Mollie's classic webhooks). This is dangerous, because anybody can send
    /// such a request. Use only its id, and ask the provider for the rest.
    #[must_use]
    pub const fn dangerous_accept_unproved(mut self) -> Self {
        self.unproved = true;
        self
    }

    /// Accepts one more key, while a secret is being replaced. It has no effect on a [`resolved`](Self::resolved) source.
    ///
    /// # Errors
    /// Returns [`KeyError`] if the keyring is full.
    pub fn also_accept(mut self, key: Key) -> Result<Self, KeyError> {
        if let KeySource::Fixed(keys) = &mut self.keys {
            keys.keyring.add(key)?;
        }
        Ok(self)
    }

    /// Accepts one more method: PUT for a provider that sends events with PUT, GET or OPTIONS for a handshake. Events are accepted with
    /// POST and PUT, and with the methods that the provider documents.
    #[must_use]
    pub fn also_method(mut self, method: Method) -> Self {
        self.methods.push(method);
        self
    }

    /// Sets the longest body, in bytes, as received and after decompression. The response to a longer body is 413. Default: the
    /// [receiver's limit](super::ReceiverBuilder::max_body), otherwise what the provider documents (GitHub: 25 MiB), otherwise 1 MiB.
    #[must_use]
    pub const fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = Some(bytes);
        self
    }

    pub(super) const fn own_max_body(&self) -> Option<usize> {
        self.max_body
    }

    pub(super) fn max_body_or(&self, of_receiver: Option<usize>) -> usize {
        self.max_body.or(of_receiver).or_else(|| self.scheme.longest_body()).unwrap_or(MAX_BODY)
    }

    /// Sets how a repeated event is recognised.
    #[must_use]
    pub const fn dedup_by(mut self, rule: DedupBy) -> Self {
        self.dedup_by = rule;
        self
    }

    /// Handles every request, including retries and replays, as [`DedupBy::Never`] does. Use it for handlers that deduplicate by
    /// themselves.
    #[must_use]
    pub const fn without_dedup(self) -> Self {
        self.dedup_by(DedupBy::Never)
    }

    /// Switches off the diagnosis of rejected requests. By default, the cause is searched for at most once in five seconds, which takes some
    /// milliseconds, and logged with its remedy ([`diagnose`](crate::provider::diagnose)).
    #[must_use]
    pub fn without_diagnosis(self) -> Self {
        Self { diagnoses: None, ..self }
    }

    /// Returns the name. It is part of the dedup key and of traces, and the argument of [`Receiver::gate`](super::Receiver::gate).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    pub(super) const fn scheme(&self) -> &'static Scheme {
        self.scheme
    }

    pub(super) const fn keys(&self) -> &KeySource {
        &self.keys
    }

    /// Asks the application about a handshake. If the application has set no function, the handshake is rejected.
    pub(super) async fn decision(&self, tenant: &Tenant, challenge: &Challenge) -> bool {
        match &self.decider {
            Some(Decider(decide)) => decide(tenant.clone(), challenge.clone()).await,
            None => false,
        }
    }

    /// Returns the data against which a request is checked.
    pub(super) fn trust<'a>(&'a self, keys: &'a Keyring, now: Timestamp) -> Trust<'a> {
        Trust {
            tolerance: self.tolerance,
            settings: &self.settings,
            accept_key: self.accept_key,
            ..Trust::new(keys, now)
        }
    }

    /// Checks that the source has every setting that its scheme needs, no unknown setting, and only valid values.
    pub(super) fn check_settings(&self) -> Result<(), ReceiverConfigError> {
        let known = self.scheme.known_settings();
        let missing = known.iter().find(|setting| setting.required && self.settings.get(setting.name).is_none());
        if let Some(setting) = missing {
            return Err(ReceiverConfigError::MissingSetting(setting.name.into()));
        }
        let strange = self.settings.names().find(|name| known.iter().all(|setting| setting.name != *name));
        if let Some(name) = strange {
            return Err(ReceiverConfigError::UnknownSetting(name.into()));
        }
        let values = known.iter().flat_map(|it| self.settings.all(it.name).iter().map(move |value| (it, value)));
        let wrong = values.into_iter().find_map(|(it, value)| Some((it, it.check(value).err()?)));
        wrong.map_or(Ok(()), |(it, problem)| Err(ReceiverConfigError::Setting { name: it.name.into(), problem }))
    }

    pub(super) fn check_scheme(&self) -> Result<(), FieldError> {
        self.scheme.check()
    }

    /// Whether the scheme proves the origin of a request, or the application accepts requests without proof.
    pub(super) fn is_proved(&self) -> bool {
        self.unproved || self.scheme.proves_origin()
    }

    pub(super) fn diagnoses(&self) -> Option<&Diagnoses> {
        self.diagnoses.as_deref()
    }

    pub(super) const fn dedup_rule(&self) -> DedupBy {
        self.dedup_by
    }

    pub(super) fn fixed_tenant(&self) -> Option<&Tenant> {
        match &self.keys {
            KeySource::Fixed(keys) => Some(&keys.tenant),
            KeySource::ByPath(_) => None,
        }
    }

    pub(super) fn accepts(&self, method: &Method) -> bool {
        self.methods.contains(method)
    }

    /// Returns the value of the `Allow` header.
    pub(super) fn allowed_methods(&self) -> HeaderValue {
        let list = self.methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        HeaderValue::try_from(list).unwrap_or(HeaderValue::from_static("POST"))
    }
}
