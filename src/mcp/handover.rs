//! How a signing secret reaches its owner without passing through a model.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::clock::{Clock, Timestamp};
use crate::endpoint::Endpoint;
use crate::entropy;
use crate::id::{EndpointId, Tenant};

/// Most links that wait to be opened.
const MAX_LINKS: usize = 10_000;

/// Most of one tenant.
const MAX_OF_TENANT: usize = 100;

/// Brings the secret of an endpoint to its owner. Tools neither take secrets nor answer them, because arguments and results are
/// read by a model and written to logs.
#[async_trait]
pub trait SecretHandover: fmt::Debug + Send + Sync + 'static {
    /// Takes the secret, and says where its owner finds it. What is answered is shown to the model: it must not be the secret.
    ///
    /// # Errors
    /// When it could not be taken; then the call comes to nothing.
    async fn hand_over(&self, endpoint: &Endpoint, secret: Zeroizing<String>) -> Result<Handed, NotHandedOver>;

    /// Takes back what was handed over, as far as that is possible: the secret never came to count, because it could not be stored.
    async fn withdraw(&self, endpoint: EndpointId, handed: &Handed);
}

/// Where a secret is found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made by implementors of SecretHandover")]
pub struct Handed {
    /// A link, or the name of a place: what a person is told.
    pub place: String,
    /// Until when it is there; `None`: for good.
    pub expires_at: Option<Timestamp>,
}

/// A secret could not be handed over.
#[derive(Debug, thiserror::Error)]
#[error("the secret could not be handed over")]
pub struct NotHandedOver(#[source] Box<dyn std::error::Error + Send + Sync>);

impl NotHandedOver {
    /// Because of this.
    pub fn because(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

/// Links that show a secret once, to whoever opens them: the host serves them, behind its own sign-in where it has one. Kept in
/// this process's memory; at most 10,000 wait at a time, and 100 of one tenant. When all places are taken, the tenant that has the most
/// loses the one that would end next.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use hookwire::clock::SystemClock;
/// use hookwire::mcp::OneTimeLinks;
///
/// let links = OneTimeLinks::new("https://app.example/webhook-secrets/", Duration::from_secs(900), Arc::new(SystemClock));
/// // In the handler of that route:
/// assert!(links.open("no such token").is_none());
/// ```
#[derive(Clone)]
pub struct OneTimeLinks {
    base: Arc<str>,
    valid_for: Duration,
    clock: Arc<dyn Clock>,
    waiting: Arc<Mutex<HashMap<String, Waiting>>>,
}

struct Waiting {
    tenant: Tenant,
    secret: Zeroizing<String>,
    ends: Timestamp,
}

impl fmt::Debug for OneTimeLinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneTimeLinks").field("base", &self.base).finish_non_exhaustive()
    }
}

impl OneTimeLinks {
    /// Links of `base` and a token of 32 hexadecimal digits, valid for so long.
    #[must_use]
    pub fn new(base: &str, valid_for: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { base: base.into(), valid_for, clock, waiting: Arc::default() }
    }

    /// The secret under this token, once.
    #[must_use]
    pub fn open(&self, token: &str) -> Option<Zeroizing<String>> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(token)?;
        (self.clock.now() < waiting.ends).then_some(waiting.secret)
    }
}

#[async_trait]
impl SecretHandover for OneTimeLinks {
    async fn hand_over(&self, endpoint: &Endpoint, secret: Zeroizing<String>) -> Result<Handed, NotHandedOver> {
        let mut token = [0; 16];
        entropy::fill(&mut token).map_err(NotHandedOver::because)?;
        let (token, now) = (hex::encode(token), self.clock.now());
        let ends = now + self.valid_for;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, waiting| now < waiting.ends);
        if waiting.values().filter(|one| one.tenant == endpoint.tenant).count() >= MAX_OF_TENANT {
            return Err(NotHandedOver::because("too many links of this tenant wait to be opened"));
        }
        if waiting.len() >= MAX_LINKS {
            make_room(&mut waiting);
        }
        let place = format!("{}{token}", self.base);
        waiting.insert(token, Waiting { tenant: endpoint.tenant.clone(), secret, ends });
        Ok(Handed { place, expires_at: Some(ends) })
    }

    async fn withdraw(&self, _: EndpointId, handed: &Handed) {
        if let Some(token) = handed.place.strip_prefix(&*self.base) {
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(token);
        }
    }
}

/// No tenant can keep the others out: the one that has the most links loses the one that would end next.
fn make_room(waiting: &mut HashMap<String, Waiting>) {
    let mut of_tenants: HashMap<&Tenant, usize> = HashMap::new();
    for one in waiting.values() {
        *of_tenants.entry(&one.tenant).or_default() += 1;
    }
    let Some(most) = of_tenants.into_iter().max_by_key(|(_, count)| *count).map(|(tenant, _)| tenant.clone()) else {
        return;
    };
    let of_it = waiting.iter().filter(|(_, one)| one.tenant == most);
    let next = of_it.min_by_key(|(_, one)| one.ends).map(|(token, _)| token.clone());
    next.map(|token| waiting.remove(&token));
}
