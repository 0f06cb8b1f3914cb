//! Subscribing, refreshing, unsubscribing.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::McpEvents;
use super::error::Refused;
use super::subscription::{Identity, Read, granted, key, was_terminated};
use super::wire::{DeliveryStatus, Subscribe, Subscribed, Unsubscribe};
use crate::clock::Timestamp;
use crate::delivery::DeliveryState;
use crate::endpoint::Endpoint;
use crate::id::Tenant;
use crate::outcome::Outcome;
use crate::secret::Key;
use crate::sender::{EndpointChange, EndpointError, Ownership};
use crate::store::{DeliveryQuery, Page, StoreError};

/// The number of deliveries that are searched for the last error.
const PAGE: u32 = 1_000;

/// How long a replaced secret still signs.
const GRACE: Duration = Duration::from_secs(300);

impl McpEvents {
    pub(super) async fn subscribe(&self, tenant: &Tenant, requested: Subscribe) -> Result<Value, Refused> {
        if let Some(mode) = requested.delivery.mode.as_deref().filter(|mode| *mode != "webhook") {
            return Err(Refused::Unsupported { feature: "delivery.mode", value: mode.into() });
        }
        let too_many = |_| Refused::Exhausted { limit: "calls a minute", max: self.calls.get() as usize };
        self.limit.take(tenant).map_err(too_many)?;
        self.check_name(&requested.name)?;
        let key = key(requested.delivery.secret.as_deref())?;
        let known = Identity::new(tenant, requested.name, requested.arguments.as_ref(), &requested.delivery)?;
        let now = self.scoped(tenant).now();
        let ends = granted(requested.ttl_ms.unwrap_or_else(|| Some(self.granted_ms())), self.longest, now);
        // If two equal requests arrive at the same time, one subscribes and the other refreshes.
        let turn = self.turns.of(&known.id);
        let _turn = turn.lock().await;
        let others = self.subscriptions(tenant).await?;
        let before = others.iter().find(|other| Read::of(other).is_some_and(|read| read.id == known.id));
        let endpoint = match before {
            Some(before) => self.refresh(before, &known, key, ends).await?,
            None => self.begin(tenant, &known, key, ends).await?,
        };
        let endpoint = self.verified(endpoint, &others, before.is_none()).await?;
        let delivery_status = if before.is_some() { self.status(&endpoint).await? } else { None };
        let answer = Subscribed {
            id: known.id,
            refresh_before: ends.map(|ends| ends.to_string()),
            truncated: requested.cursor.is_some(),
            cursor: requested.cursor,
            delivery_status,
        };
        serde_json::to_value(answer).map_err(Refused::params)
    }

    fn granted_ms(&self) -> u64 {
        u64::try_from(self.granted.as_millis()).unwrap_or(u64::MAX)
    }

    async fn begin(
        &self,
        tenant: &Tenant,
        known: &Identity,
        key: Key,
        ends: Option<Timestamp>,
    ) -> Result<Endpoint, Refused> {
        let new = known.endpoint(tenant, key, known.labels(ends)?)?;
        Ok(self.scoped(tenant).create_verified_by(new, &ownership()).await?)
    }

    /// Refreshes a subscription: extends its time, sets the secret of this request, and enables it if it was disabled for failing.
    async fn refresh(
        &self,
        before: &Endpoint,
        known: &Identity,
        key: Key,
        ends: Option<Timestamp>,
    ) -> Result<Endpoint, Refused> {
        let scoped = self.scoped(&before.tenant);
        let change = EndpointChange::new().labels(known.labels(ends)?);
        let updated = match scoped.update_read(before, change.clone().enabled()).await {
            // The endpoint is enabled after it has answered the challenge.
            Err(EndpointError::Unproven) => scoped.update_read(before, change).await?,
            updated => updated?,
        };
        let current = before.keys.entries().first().map(|entry| entry.key.id());
        if current == Some(key.id()) {
            return Ok(updated);
        }
        Ok(scoped.rotate_read(&updated, key, GRACE).await?)
    }

    /// Sends the challenge, unless another subscription of the tenant has the same URL and was verified.
    async fn verified(&self, endpoint: Endpoint, others: &[Arc<Endpoint>], is_new: bool) -> Result<Endpoint, Refused> {
        let same = |other: &&Arc<Endpoint>| other.target == endpoint.target && other.is_enabled();
        let scoped = self.scoped(&endpoint.tenant);
        if others.iter().any(|other| same(&other)) {
            return Ok(scoped.mark_proved_read(&endpoint).await?);
        }
        let proven = scoped.prove_read(&endpoint, Some(&ownership())).await;
        if is_new && proven.is_err() {
            scoped.remove_read(&endpoint).await?;
        }
        Ok(proven?)
    }

    pub(super) async fn unsubscribe(&self, tenant: &Tenant, requested: Unsubscribe) -> Result<Value, Refused> {
        let known = Identity::new(tenant, requested.name, requested.arguments.as_ref(), &requested.delivery)?;
        let all = self.subscriptions(tenant).await?;
        let found = all.iter().find(|endpoint| Read::of(endpoint).is_some_and(|read| read.id == known.id));
        self.scoped(tenant).remove_read(found.ok_or(Refused::NotFound("subscription"))?).await?;
        Ok(Value::Object(serde_json::Map::new()))
    }

    /// Reads the subscriptions of a tenant that have not ended, and removes the others.
    pub(super) async fn subscriptions(&self, tenant: &Tenant) -> Result<Vec<Arc<Endpoint>>, EndpointError> {
        let scoped = self.scoped(tenant);
        let (mut found, now) = (Vec::new(), scoped.now());
        for endpoint in scoped.endpoints_of(tenant).await? {
            match Read::of(&endpoint).map(|read| read.has_ended(now)) {
                Some(true) => scoped.remove_read(&endpoint).await.or_else(ignore_missing)?,
                Some(false) => found.push(endpoint),
                None if was_terminated(&endpoint) => self.remove_if_told(&endpoint).await?,
                None => {}
            }
        }
        Ok(found)
    }

    /// Removes a terminated subscription when its last message has been delivered.
    async fn remove_if_told(&self, endpoint: &Endpoint) -> Result<(), EndpointError> {
        let scoped = self.scoped(&endpoint.tenant);
        let counts = scoped.stats_read(endpoint).await?.counts;
        if counts.pending + counts.held > 0 {
            return Ok(());
        }
        scoped.remove_read(endpoint).await.or_else(ignore_missing)
    }

    /// The delivery status of a failing subscription; `None` if it is not failing.
    async fn status(&self, endpoint: &Endpoint) -> Result<Option<DeliveryStatus>, Refused> {
        let health = endpoint.health;
        let Some(since) = health.failing_since else { return Ok(None) };
        Ok(Some(DeliveryStatus {
            active: endpoint.is_enabled(),
            last_delivery_at: health.last_success.map(|at| at.to_string()),
            last_error: self.last_error(endpoint).await?,
            failed_since: Some(since.to_string()),
        }))
    }

    /// The error of the newest delivery that was attempted and not delivered, among the searched deliveries.
    async fn last_error(&self, endpoint: &Endpoint) -> Result<Option<&'static str>, StoreError> {
        let scoped = self.scoped(&endpoint.tenant);
        for state in [DeliveryState::Pending, DeliveryState::Failed, DeliveryState::Held] {
            let query =
                DeliveryQuery { lane: Some(endpoint.id.into()), state: Some(state), ..DeliveryQuery::default() };
            let found = scoped.deliveries(query, Page::of(PAGE).newest_first()).await?.items;
            let tried = found.iter().find(|delivery| delivery.attempts > 0);
            let Some(tried) = tried else { continue };
            let last = scoped.attempts(tried.id).await?.and_then(|mut attempts| attempts.pop());
            if let Some(category) = last.and_then(|attempt| category(attempt.outcome)) {
                return Ok(Some(category));
            }
        }
        Ok(None)
    }
}

/// The draft's way to ask the owner of a URL to agree.
fn ownership() -> Ownership {
    Ownership::EchoAs("verification".into())
}

fn ignore_missing(error: EndpointError) -> Result<(), EndpointError> {
    if matches!(error, EndpointError::NotFound) { Ok(()) } else { Err(error) }
}

/// The draft's category for a failure. It never contains text of the endpoint.
const fn category(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Status(200..=299) => None,
        Outcome::Status(500..) => Some("http_5xx"),
        Outcome::Status(_) => Some("http_4xx"),
        Outcome::Timeout => Some("timeout"),
        Outcome::Tls => Some("tls_error"),
        _ => Some("connection_refused"),
    }
}
