//! A subscription as an endpoint: its identity, its labels, its key.

use std::time::Duration;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::error::Refused;
use super::wire::{Delivery, canonical};
use crate::clock::Timestamp;
use crate::endpoint::{CustomHeaders, Endpoint, Labels, NewEndpoint, Target};
use crate::id::Tenant;
use crate::secret::{Key, Keyring};

/// The labels of an endpoint that is a subscription.
const NAME: &str = "mcp.event";
const ARGUMENTS: &str = "mcp.arguments";
const ENDS: &str = "mcp.ends";
const SUBSCRIPTION: &str = "mcp.subscription";
const TERMINATED: &str = "mcp.terminated";

/// The identity of a subscription: tenant, URL, event and arguments. It does not change.
pub(super) struct Identity {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
    pub(super) target: Target,
}

impl Identity {
    pub(super) fn new(
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

    /// The labels of the subscription's endpoint.
    pub(super) fn labels(&self, ends: Option<Timestamp>) -> Result<Labels, Refused> {
        let ends = ends.map_or_else(String::new, |ends| ends.as_micros().to_string());
        let labels = Labels::new().with(SUBSCRIPTION, &self.id).and_then(|labels| labels.with(NAME, &self.name));
        let labels = labels.and_then(|labels| labels.with(ARGUMENTS, &self.arguments));
        labels.and_then(|labels| labels.with(ENDS, &ends)).map_err(Refused::params)
    }

    /// The subscription's endpoint. Its filter matches no event: events are dispatched to it by id.
    pub(super) fn endpoint(&self, tenant: &Tenant, key: Key, labels: Labels) -> Result<NewEndpoint, Refused> {
        let headers = CustomHeaders::new().with("x-mcp-subscription-id", &self.id).map_err(Refused::params)?;
        let new = NewEndpoint::at(self.target.clone()).fixed_target().tenant(tenant.clone());
        let new = new.headers(headers).labels(labels);
        let new = new.events([format!("mcp.subscription.{}", self.id)]).map_err(Refused::params)?;
        Ok(new.keys(Keyring::new(key)))
    }
}

/// Reads the client's secret: `whsec_` and base64 of 24 to 64 bytes.
pub(super) fn key(secret: Option<&str>) -> Result<Key, Refused> {
    let wrong = || Refused::params("delivery.secret: must be `whsec_` and base64 of 24 to 64 random bytes");
    let text = secret.filter(|text| text.starts_with("whsec_")).ok_or_else(wrong)?;
    // Standard Webhooks has the same bounds, and every key is checked against them.
    Key::parse(text).map_err(|_| wrong())
}

/// The labels of an endpoint whose subscription was terminated.
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
    /// Returns `None` if the endpoint is not a subscription.
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

/// The end of a subscription for the requested time; `None`: no end, which a client requests with `null` and gets if the application
/// allows it.
pub(super) fn granted(requested: Option<u64>, longest: Option<Duration>, now: Timestamp) -> Option<Timestamp> {
    let requested = requested.map(Duration::from_millis);
    let granted =
        requested.map_or(longest, |requested| Some(longest.map_or(requested, |longest| requested.min(longest))));
    granted.map(|granted| now + granted)
}
