//! A subscription, as the endpoint that it is.

use std::time::Duration;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::error::Refused;
use super::wire::{Delivery, canonical};
use crate::clock::Timestamp;
use crate::endpoint::{CustomHeaders, Endpoint, Labels, NewEndpoint, Target};
use crate::id::Tenant;
use crate::secret::{Key, Keyring};

/// Labels of an endpoint that is a subscription.
const NAME: &str = "mcp.event";
const ARGUMENTS: &str = "mcp.arguments";
const ENDS: &str = "mcp.ends";
const SUBSCRIPTION: &str = "mcp.subscription";
const TERMINATED: &str = "mcp.terminated";

/// What a subscription is known by: who, where, and what. All of it is immutable.
pub(super) struct Known {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
    pub(super) target: Target,
}

impl Known {
    pub(super) fn by(
        tenant: &Tenant,
        name: String,
        arguments: Option<&Value>,
        delivery: &Delivery,
    ) -> Result<Self, Refused> {
        if arguments.is_some_and(|arguments| !arguments.is_object() && !arguments.is_null()) {
            return Err(Refused::params("arguments: must be an object"));
        }
        let target = Target::parse(&delivery.url).map_err(Refused::params)?;
        let arguments = canonical(arguments);
        let mut hash = Sha256::new();
        for part in [tenant.as_str(), target.as_str(), &name, &arguments] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let digest = hex::encode(hash.finalize());
        let id = format!("sub_{}", digest.get(..32).unwrap_or_default());
        Ok(Self { id, name, arguments, target })
    }

    /// What it notes on its endpoint.
    pub(super) fn labels(&self, ends: Option<Timestamp>) -> Result<Labels, Refused> {
        let ends = ends.map_or_else(String::new, |ends| ends.as_micros().to_string());
        let labels = Labels::new().with(SUBSCRIPTION, &self.id).and_then(|labels| labels.with(NAME, &self.name));
        let labels = labels.and_then(|labels| labels.with(ARGUMENTS, &self.arguments));
        labels.and_then(|labels| labels.with(ENDS, &ends)).map_err(Refused::params)
    }

    /// Its endpoint: one that no event reaches but those that are owed to it by name.
    pub(super) fn endpoint(&self, tenant: &Tenant, key: Key, labels: Labels) -> Result<NewEndpoint, Refused> {
        let headers = CustomHeaders::new().with("x-mcp-subscription-id", &self.id).map_err(Refused::params)?;
        let new = NewEndpoint::at(self.target.clone()).with_fixed_target().tenant(tenant.clone());
        let new = new.headers(headers).labels(labels);
        let new = new.events([format!("mcp.subscription.{}", self.id)]).map_err(Refused::params)?;
        Ok(new.keys(Keyring::new(key)))
    }
}

/// The secret that the client has given: `whsec_` and base64 of 24 to 64 bytes.
pub(super) fn key(secret: Option<&str>) -> Result<Key, Refused> {
    let wrong = || Refused::params("delivery.secret: must be `whsec_` and base64 of 24 to 64 random bytes");
    let text = secret.filter(|text| text.starts_with("whsec_")).ok_or_else(wrong)?;
    // These are the bounds of Standard Webhooks, which every key is held to.
    Key::parse(text).map_err(|_| wrong())
}

/// What an endpoint notes that was a subscription.
pub(super) fn terminated() -> Labels {
    Labels::new().with(TERMINATED, "yes").unwrap_or_default()
}

pub(super) fn was_terminated(endpoint: &Endpoint) -> bool {
    endpoint.labels.get(TERMINATED).is_some()
}

/// An endpoint read as a subscription.
pub(super) struct Read<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    arguments: &'a str,
    ends: Option<Timestamp>,
}

impl<'a> Read<'a> {
    /// `None` where it is another kind of endpoint.
    pub(super) fn of(endpoint: &'a Endpoint) -> Option<Self> {
        let labels = &endpoint.labels;
        let ends = labels.get(ENDS)?.parse().ok().map(Timestamp::from_micros);
        Some(Self { id: labels.get(SUBSCRIPTION)?, name: labels.get(NAME)?, arguments: labels.get(ARGUMENTS)?, ends })
    }

    pub(super) fn has_ended(&self, now: Timestamp) -> bool {
        self.ends.is_some_and(|ends| ends <= now)
    }

    pub(super) fn arguments(&self) -> Value {
        serde_json::from_str(self.arguments).unwrap_or_default()
    }
}

/// What is granted of the time that was asked for. Without end, which who asks for `null` wants, only where the application allows it.
pub(super) fn granted(asked: Option<u64>, longest: Option<Duration>, now: Timestamp) -> Option<Timestamp> {
    let asked = asked.map(Duration::from_millis);
    let granted = asked.map_or(longest, |asked| Some(longest.map_or(asked, |longest| asked.min(longest))));
    granted.map(|granted| now + granted)
}
