//! Who sends to us, and how their requests are checked.

use std::sync::Arc;

use http::{HeaderValue, Method};

use super::keys::{Grant, KeySource, Keys};
use crate::id::Tenant;
use crate::secret::{Key, KeyError, Keyring};
use crate::signature::{self, Scheme, Tolerance, Verify};

/// Who sends to us: a scheme, keys, a tolerance, and how a repetition is recognised.
///
/// | default | value | change it with |
/// |---|---|---|
/// | tolerance of the signed time | 300 s, either way | [`tolerance`](Self::tolerance) |
/// | tenant | `default` | [`tenant`](Self::tenant), or [`resolved`](Self::resolved) for many |
/// | methods | POST | [`also_method`](Self::also_method) |
/// | a repetition is known by | [`DedupBy::Authentic`] | [`dedup_by`](Self::dedup_by) |
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
    tolerance: Tolerance,
    methods: Vec<Method>,
    dedup_by: DedupBy,
}

/// By what two requests are known to be the same event, always within one tenant and one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DedupBy {
    /// By the event's id where the signature covers it; else by the signed body alone. Then a captured request cannot
    /// be replayed under an invented id (R-33), and two events with the same bytes count as one.
    #[default]
    Authentic,
    /// By id and body together. For providers that do not sign the id and do send equal bodies for different events;
    /// whoever captures a request can replay it under another id, within the tolerance if the scheme signs the time.
    IdAndBody,
    /// By the body alone.
    Body,
}

impl Source {
    /// A source named `name`, checked by `scheme`: a reference to one of [`signature`]'s, or your own.
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
        let (tolerance, dedup_by) = (Tolerance::default(), DedupBy::default());
        Self { name, scheme, keys, tolerance, methods: vec![Method::POST], dedup_by }
    }

    fn known(name: &'static str, scheme: &'static Scheme, secret: &str) -> Result<Self, KeyError> {
        let keyring = Keyring::new(scheme.key(secret)?);
        Ok(Self::new(name, scheme, keyring))
    }

    /// Standard Webhooks (<https://www.standardwebhooks.com>), named `standard`.
    ///
    /// # Errors
    /// When the secret is none of this scheme.
    pub fn standard(secret: &str) -> Result<Self, KeyError> {
        Self::known("standard", &signature::STANDARD, secret)
    }

    /// Stripe (<https://docs.stripe.com/webhooks/signature>), named `stripe`.
    ///
    /// # Errors
    /// When the secret is none of this scheme.
    pub fn stripe(secret: &str) -> Result<Self, KeyError> {
        Self::known("stripe", &signature::providers::STRIPE, secret)
    }

    /// GitHub (<https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>), named `github`.
    /// GitHub signs neither the delivery's id nor a time.
    ///
    /// # Errors
    /// When the secret is none of this scheme.
    pub fn github(secret: &str) -> Result<Self, KeyError> {
        Self::known("github", &signature::providers::GITHUB, secret)
    }

    /// Slack (<https://docs.slack.dev/authentication/verifying-requests-from-slack>), named `slack`. The
    /// `url_verification` handshake is answered once its signature was checked.
    ///
    /// # Errors
    /// When the secret is none of this scheme.
    pub fn slack(secret: &str) -> Result<Self, KeyError> {
        Self::known("slack", &signature::providers::SLACK, secret)
    }

    /// Shopify (<https://shopify.dev/docs/apps/build/webhooks>), named `shopify`. Shopify signs neither the
    /// event's id nor a time.
    ///
    /// # Errors
    /// When the secret is none of this scheme.
    pub fn shopify(secret: &str) -> Result<Self, KeyError> {
        Self::known("shopify", &signature::providers::SHOPIFY, secret)
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

    /// How far the signed time may be from ours.
    #[must_use]
    pub fn tolerance(mut self, tolerance: Tolerance) -> Self {
        self.tolerance = tolerance;
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

    /// By what a repetition is known.
    #[must_use]
    pub const fn dedup_by(mut self, rule: DedupBy) -> Self {
        self.dedup_by = rule;
        self
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

    pub(super) const fn accepted_tolerance(&self) -> Tolerance {
        self.tolerance
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
