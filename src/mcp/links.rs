//! Links that show a secret once.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::handover::SecretHandover;
use crate::clock::{Clock, Timestamp};
use crate::endpoint::Endpoint;
use crate::entropy;
use crate::id::{EndpointId, Tenant};

/// Maximum number of unopened links.
const MAX_LINKS: usize = 10_000;

/// Maximum number of unopened links of one tenant.
const MAX_OF_TENANT: usize = 100;

/// Links that show a secret once, to the first person who opens them. The host serves them, behind its own sign-in if it has one.
/// They are kept in the memory of this process: at most 10,000 unopened links, and 100 of one tenant. If there are too many, the link
/// that expires next is removed from the tenant with the most links.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use hookwire::clock::SystemClock;
/// use hookwire::endpoint::NewEndpoint;
/// use hookwire::mcp::{OneTimeLinks, SecretHandover};
/// use hookwire::sender::{Endpoints, Sender};
/// use hookwire::store::MemoryStore;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let sender = Sender::builder(MemoryStore::new()).build()?;
/// # let endpoint = sender.endpoints().create(NewEndpoint::https("https://acme.example/hooks")?).await?;
/// let links = OneTimeLinks::new("https://app.example/webhook-secrets/", Duration::from_secs(900), Arc::new(SystemClock));
/// // The tools do this:
/// let (link, _) = links.hand_over(&endpoint, Endpoints::secret(&endpoint)).await?;
/// // The handler of the route does this:
/// let token = link.rsplit('/').next().unwrap_or_default();
/// assert_eq!(links.open(token), Some(Endpoints::secret(&endpoint)));
/// assert_eq!(links.open(token), None, "once");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct OneTimeLinks {
    base: Arc<str>,
    valid_for: Duration,
    clock: Arc<dyn Clock>,
    unopened: Arc<Mutex<HashMap<String, Link>>>,
}

struct Link {
    tenant: Tenant,
    secret: Zeroizing<String>,
    expires_at: Timestamp,
}

impl fmt::Debug for OneTimeLinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneTimeLinks").field("base", &self.base).finish_non_exhaustive()
    }
}

impl OneTimeLinks {
    /// Makes links of `base` and a token of 32 hexadecimal digits. A link expires after `valid_for`.
    #[must_use]
    pub fn new(base: &str, valid_for: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { base: base.into(), valid_for, clock, unopened: Arc::default() }
    }

    /// Takes the secret of a token. Returns `None` if the token is unknown, was opened before or has expired.
    #[must_use]
    pub fn open(&self, token: &str) -> Option<Zeroizing<String>> {
        let link = self.unopened.lock().unwrap_or_else(PoisonError::into_inner).remove(token)?;
        (self.clock.now() < link.expires_at).then_some(link.secret)
    }
}

#[async_trait]
impl SecretHandover for OneTimeLinks {
    async fn hand_over(
        &self,
        endpoint: &Endpoint,
        secret: Zeroizing<String>,
    ) -> Result<(String, Option<Timestamp>), Box<dyn Error + Send + Sync>> {
        let mut token = [0; 16];
        entropy::fill(&mut token)?;
        let (token, now) = (hex::encode(token), self.clock.now());
        let expires_at = now + self.valid_for;
        let mut unopened = self.unopened.lock().unwrap_or_else(PoisonError::into_inner);
        unopened.retain(|_, link| now < link.expires_at);
        if unopened.values().filter(|link| link.tenant == endpoint.tenant).count() >= MAX_OF_TENANT {
            return Err("the tenant has too many links that were not opened".into());
        }
        if unopened.len() >= MAX_LINKS {
            evict(&mut unopened);
        }
        let place = format!("{}{token}", self.base);
        unopened.insert(token, Link { tenant: endpoint.tenant.clone(), secret, expires_at });
        Ok((place, Some(expires_at)))
    }

    async fn withdraw(&self, _: EndpointId, place: &str) {
        if let Some(token) = place.strip_prefix(&*self.base) {
            self.unopened.lock().unwrap_or_else(PoisonError::into_inner).remove(token);
        }
    }
}

/// Removes the link that expires next from the tenant with the most links. So no tenant can prevent the others from getting links.
fn evict(unopened: &mut HashMap<String, Link>) {
    let mut of_tenants: HashMap<&Tenant, usize> = HashMap::new();
    for link in unopened.values() {
        *of_tenants.entry(&link.tenant).or_default() += 1;
    }
    let Some(most) = of_tenants.into_iter().max_by_key(|(_, count)| *count).map(|(tenant, _)| tenant.clone()) else {
        return;
    };
    let candidates = unopened.iter().filter(|(_, link)| link.tenant == most);
    let next = candidates.min_by_key(|(_, link)| link.expires_at).map(|(token, _)| token.clone());
    next.map(|token| unopened.remove(&token));
}
