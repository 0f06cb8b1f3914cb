//! An endpoint before it is created.

use std::sync::Arc;

use super::error;
use super::filter::{Filter, MAX_PATTERNS};
use super::headers::CustomHeaders;
use super::labels::Labels;
use super::limits::Limits;
use super::state::OnFailure;
use super::target::Target;
use crate::field::FieldError;
use crate::id::{EndpointId, Tenant};
use crate::secret::Keyring;

/// An endpoint to [create](crate::sender::Endpoints::create): its URL and its settings.
///
/// ```
/// use hookwire::endpoint::NewEndpoint;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let endpoint = NewEndpoint::https("https://acme.example/hooks")?.tenant("acme").events(["invoice.*"])?;
/// assert!(NewEndpoint::https("http://acme.example/hooks").is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct NewEndpoint {
    /// `None` for a new id.
    pub(crate) id: Option<EndpointId>,
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

impl NewEndpoint {
    /// An endpoint at an `https` URL.
    ///
    /// ```
    /// use hookwire::endpoint::NewEndpoint;
    ///
    /// assert!(NewEndpoint::https("https://acme.example/hooks").is_ok());
    /// let error = NewEndpoint::https("http://acme.example/hooks").unwrap_err();
    /// assert!(error.to_string().starts_with("url: must begin with https://"));
    /// ```
    ///
    /// # Errors
    /// Returns a [`FieldError`] if the URL begins with `http://`, and otherwise the error of [`Target::parse`].
    pub fn https(url: &str) -> Result<Self, FieldError> {
        let target = Target::parse(url)?;
        if target.is_https() { Ok(Self::at(target)) } else { Err(error::NOT_HTTPS) }
    }

    /// An endpoint at any target. The sender refuses to create one with plain `http`, unless its egress policy allows it.
    ///
    /// ```
    /// use hookwire::endpoint::{NewEndpoint, Target};
    ///
    /// let local = NewEndpoint::at(Target::parse("http://127.0.0.1:8080/hooks")?); // for local development
    /// # Ok::<(), hookwire::field::FieldError>(())
    /// ```
    #[must_use]
    pub fn at(target: Target) -> Self {
        let (tenant, filter, limits) = (Tenant::default(), Filter::default(), Limits::default());
        let (schemes, headers) = (Vec::new(), CustomHeaders::new());
        Self {
            id: None,
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

    /// Sets the tenant that the endpoint belongs to. Default: [`Tenant::default`].
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<Tenant>) -> Self {
        self.tenant = tenant.into();
        self
    }

    /// Sets the event types that it subscribes to, as [patterns](crate::event::Pattern). Default: all.
    ///
    /// ```
    /// use hookwire::endpoint::NewEndpoint;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let new = NewEndpoint::https("https://acme.example/hooks")?;
    /// assert!(new.clone().events(["invoice.*", "user.created"]).is_ok());
    /// assert_eq!(new.events(["*.paid"]).unwrap_err().field, "event pattern");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns a [`FieldError`] if a pattern is invalid, or if the list is empty or longer
    /// than [`MAX_PATTERNS`].
    pub fn events<I>(mut self, patterns: I) -> Result<Self, FieldError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let patterns = patterns.into_iter().take(MAX_PATTERNS + 1).map(|text| text.as_ref().parse());
        self.filter = Filter::new(patterns.collect::<Result<_, _>>()?)?;
        Ok(self)
    }

    /// Sets the keys that requests are signed with. Default: a generated `whsec_` key.
    ///
    /// ```
    /// use hookwire::endpoint::{NewEndpoint};
    /// use hookwire::secret::{Key, Keyring};
    /// use hookwire::sender::Sender;
    /// use hookwire::store::MemoryStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let key = Key::generate_ed25519()?;
    /// let new = NewEndpoint::https("https://acme.example/hooks")?.keys(Keyring::new(key.clone()));
    /// let sender = Sender::builder(MemoryStore::new()).build()?;
    /// assert_eq!(sender.endpoints().create(new).await?.keys.entries()[0].key.id(), key.id());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn keys(mut self, keys: Keyring) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Sets the schemes that requests are signed by: `standard`, `svix`, `stripe`, `github`, or the name of a
    /// [signer](crate::sender::SenderBuilder::signer) of the sender. Each request is signed by all of them. Default: `standard`.
    /// Without `standard` and `svix` a generated key is a text whose UTF-8 bytes are the secret, as those providers use.
    ///
    /// ```
    /// use hookwire::endpoint::{NewEndpoint};
    /// use hookwire::sender::Sender;
    /// use hookwire::store::MemoryStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let new = NewEndpoint::https("https://acme.example/hooks")?.schemes(["standard", "github"]);
    /// let sender = Sender::builder(MemoryStore::new()).build()?;
    /// assert_eq!(sender.endpoints().create(new).await?.schemes.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn schemes<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.schemes = names.into_iter().map(|name| name.as_ref().into()).collect();
        self
    }

    /// Sets the headers that the tenant wants on every request.
    ///
    /// ```
    /// use hookwire::endpoint::{CustomHeaders, NewEndpoint};
    /// use hookwire::sender::Sender;
    /// use hookwire::store::MemoryStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let headers = CustomHeaders::new().bearer("t0ken")?;
    /// let new = NewEndpoint::https("https://acme.example/hooks")?.headers(headers.clone());
    /// let sender = Sender::builder(MemoryStore::new()).build()?;
    /// assert_eq!(sender.endpoints().create(new).await?.headers, headers);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn headers(mut self, headers: CustomHeaders) -> Self {
        self.headers = headers;
        self
    }

    /// Makes the URL unchangeable, because the endpoint belongs to a subscription: a new subscription makes a new endpoint.
    #[must_use]
    pub const fn fixed_target(mut self) -> Self {
        self.fixed_target = true;
        self
    }

    /// Sets limits on attempts. Default: [`Limits::default`].
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use hookwire::endpoint::{Limits, NewEndpoint};
    /// use hookwire::sender::Sender;
    /// use hookwire::store::MemoryStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let one = Limits::default().with_concurrency(NonZeroU32::MIN);
    /// let new = NewEndpoint::https("https://acme.example/hooks")?.limits(one);
    /// let sender = Sender::builder(MemoryStore::new()).build()?;
    /// assert_eq!(sender.endpoints().create(new).await?.limits, one);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets labels.
    ///
    /// ```
    /// use hookwire::endpoint::{Labels, NewEndpoint};
    /// use hookwire::sender::Sender;
    /// use hookwire::store::MemoryStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let labels = Labels::new().with("plan", "pro")?;
    /// let new = NewEndpoint::https("https://acme.example/hooks")?.labels(labels);
    /// let sender = Sender::builder(MemoryStore::new()).build()?;
    /// assert_eq!(sender.endpoints().create(new).await?.labels.get("plan"), Some("pro"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn labels(mut self, labels: Labels) -> Self {
        self.labels = labels;
        self
    }

    /// Adds the trace context (`traceparent`) to requests, with the sender's [propagator](crate::sender::SenderBuilder::propagate).
    /// Default: off, because the trace context reveals data about your system to strangers.
    #[must_use]
    pub const fn traced(mut self) -> Self {
        self.traced = true;
        self
    }

    /// Sets the retry policy, under the name that the sender knows. Default: the policy of the event type, or of the sender.
    #[must_use]
    pub fn retry(mut self, name: impl Into<Arc<str>>) -> Self {
        self.retry = Some(name.into());
        self
    }

    /// Sets what happens to an ordering key after its first delivery has failed. Default: [`OnFailure::Skip`].
    #[must_use]
    pub const fn on_failure(mut self, rule: OnFailure) -> Self {
        self.on_failure = rule;
        self
    }
}
