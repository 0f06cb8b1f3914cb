//! Subscribing, refreshing, unsubscribing.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::McpEvents;
use super::error::Refused;
use super::subscription::{Known, Read, granted, key, was_terminated};
use super::wire::{DeliveryStatus, Subscribe, Subscribed, Unsubscribe};
use crate::clock::Timestamp;
use crate::delivery::DeliveryState;
use crate::endpoint::Endpoint;
use crate::id::Tenant;
use crate::outcome::Outcome;
use crate::secret::Key;
use crate::sender::{EndpointChange, EndpointError, Ownership, Scope};
use crate::store::{DeliveryQuery, Page, StoreError};

/// Most deliveries that are looked through for the last error.
const PAGE: u32 = 1_000;

/// How long the secret before goes on signing.
const GRACE: Duration = Duration::from_secs(300);

impl McpEvents {
    pub(super) async fn subscribe(&self, tenant: &Tenant, asked: Subscribe) -> Result<Value, Refused> {
        if let Some(mode) = asked.delivery.mode.as_deref().filter(|mode| *mode != "webhook") {
            return Err(Refused::Unsupported { feature: "delivery.mode", value: mode.into() });
        }
        let too_many = |_| Refused::Exhausted { limit: "calls a minute", max: self.calls.get() as usize };
        self.limit.take(tenant).map_err(too_many)?;
        self.knows(&asked.name)?;
        let key = key(asked.delivery.secret.as_deref())?;
        let known = Known::by(tenant, asked.name, asked.arguments.as_ref(), &asked.delivery)?;
        let now = self.sender.now();
        let ends = granted(asked.ttl_ms.unwrap_or_else(|| Some(self.granted_ms())), self.longest, now);
        // The same subscription twice at once is one, and then its refreshing.
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
            truncated: asked.cursor.is_some(),
            cursor: asked.cursor,
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
        known: &Known,
        key: Key,
        ends: Option<Timestamp>,
    ) -> Result<Endpoint, Refused> {
        let new = known.endpoint(tenant, key, known.labels(ends)?)?;
        Ok(self.sender.endpoints().create_asking(new, &ownership()).await?)
    }

    /// The same subscription again: time anew, the secret that was given now, and another chance where it was given up.
    async fn refresh(
        &self,
        before: &Endpoint,
        known: &Known,
        key: Key,
        ends: Option<Timestamp>,
    ) -> Result<Endpoint, Refused> {
        let change = EndpointChange::new().for_owner().labels(known.labels(ends)?);
        let updated = match self.sender.endpoints().update(before.id, change.clone().enabled()).await {
            // It is enabled when it has answered the challenge.
            Err(EndpointError::Unproven) => self.sender.endpoints().update(before.id, change).await?,
            updated => updated?,
        };
        let current = before.keys.entries().first().map(|entry| entry.key.id());
        if current == Some(key.id()) {
            return Ok(updated);
        }
        Ok(self.sender.endpoints().rotate_key(before.id, key, GRACE).await?)
    }

    /// After the challenge, which is sent once for each callback of a tenant.
    async fn verified(&self, endpoint: Endpoint, others: &[Arc<Endpoint>], is_new: bool) -> Result<Endpoint, Refused> {
        let same = |other: &&Arc<Endpoint>| other.target == endpoint.target && other.is_enabled();
        let endpoints = self.sender.endpoints();
        if others.iter().any(|other| same(&other)) {
            return Ok(endpoints.vouch(endpoint.id).await?);
        }
        let proven = endpoints.prove_by(endpoint.id, &ownership()).await;
        if is_new && proven.is_err() {
            endpoints.remove(endpoint.id).await?;
        }
        Ok(proven?)
    }

    pub(super) async fn unsubscribe(&self, tenant: &Tenant, asked: Unsubscribe) -> Result<Value, Refused> {
        let known = Known::by(tenant, asked.name, asked.arguments.as_ref(), &asked.delivery)?;
        let all = self.subscriptions(tenant).await?;
        let found = all.iter().find(|endpoint| Read::of(endpoint).is_some_and(|read| read.id == known.id));
        self.sender.endpoints().remove(found.ok_or(Refused::NotFound("subscription"))?.id).await?;
        Ok(Value::Object(serde_json::Map::new()))
    }

    /// The subscriptions of a tenant that have not ended. Those that have are removed.
    pub(super) async fn subscriptions(&self, tenant: &Tenant) -> Result<Vec<Arc<Endpoint>>, EndpointError> {
        let (mut found, now) = (Vec::new(), self.sender.now());
        for endpoint in self.sender.endpoints().of_tenant(tenant).await? {
            match Read::of(&endpoint).map(|read| read.has_ended(now)) {
                Some(true) => self.sender.endpoints().remove(endpoint.id).await.or_else(gone)?,
                Some(false) => found.push(endpoint),
                None if was_terminated(&endpoint) => self.remove_if_told(&endpoint).await?,
                None => {}
            }
        }
        Ok(found)
    }

    /// One that was terminated goes when it has been told so.
    async fn remove_if_told(&self, endpoint: &Endpoint) -> Result<(), EndpointError> {
        let counts = self.sender.stats(endpoint.id).await?.counts;
        if counts.pending + counts.held > 0 {
            return Ok(());
        }
        self.sender.endpoints().remove(endpoint.id).await.or_else(gone)
    }

    /// `None` where all is well.
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

    /// Of the newest delivery that has been tried and is not through, among those that are looked at.
    async fn last_error(&self, endpoint: &Endpoint) -> Result<Option<&'static str>, StoreError> {
        let scope = Scope::Tenant(endpoint.tenant.clone());
        let scoped = self.sender.scoped(&scope);
        for state in [DeliveryState::Pending, DeliveryState::Failed, DeliveryState::Held] {
            let query =
                DeliveryQuery { lane: Some(endpoint.id.into()), state: Some(state), ..DeliveryQuery::default() };
            let found = scoped.deliveries(query, Page::of(PAGE).newest_first()).await?;
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

/// How the draft has the owner of a callback asked.
fn ownership() -> Ownership {
    Ownership::EchoAs("verification".into())
}

fn gone(error: EndpointError) -> Result<(), EndpointError> {
    if matches!(error, EndpointError::NotFound) { Ok(()) } else { Err(error) }
}

/// One of the draft's words; never what the callback has said.
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
