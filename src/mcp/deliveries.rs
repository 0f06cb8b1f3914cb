//! The tools that list deliveries, send again, and test.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::attempts::AttemptDocument;
use super::call::{Call, Counted};
use super::documents::{Deliveries, DeliveryDocument, ListDeliveries, One, Resend, Resent, Tested};
use super::endpoints::{LIST, REGISTER};
use super::failure::Failure;
use super::read::{endpoint_id, maybe, page};
use super::route::Spec;
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery, DeliveryState};
use crate::id::{DeliveryId, EventId, LaneId};
use crate::outcome::Outcome;
use crate::sender::DeliveryError;
use crate::store::query_text::{label_of, outcome_of};
use crate::store::{DeliveryQuery, Page};

/// Maximum number of attempts of a delivery that are shown.
const MAX_ATTEMPTS: usize = 20;

/// Maximum number of deliveries that one call sends again without a job.
const MAX_RESENT: u64 = 1_000;

/// The time that a test waits for its attempt.
const TEST_PATIENCE: Duration = Duration::from_secs(20);

pub(super) const LIST_DELIVERIES: Spec = Spec {
    name: "webhook_list_deliveries",
    title: "List deliveries",
    description: "List the deliveries to callbacks and their results, newest first. Payloads and responses are not shown. \
        A page may have fewer deliveries than the limit, or none: as long as it has a next_cursor, search on with it. With a delivery_id: \
        that delivery with its attempts, how long each step of them took, and why TLS failed.",
    ..LIST
};

pub(super) const RESEND: Spec = Spec {
    name: "webhook_resend",
    title: "Send again",
    description: "Send a message again with the same webhook-id, to one callback or to all callbacks that it was for; or, with callback_id \
        and since, the deliveries that failed or were cancelled in that time: at most 1,000, or with background all of them, in a job.",
    repeats: false,
    counted: Some(Counted::Resends),
    ..REGISTER
};

pub(super) const TEST: Spec = Spec {
    name: "webhook_test",
    title: "Test callback",
    description: "Send a test event to a callback and report the response.",
    repeats: false,
    counted: Some(Counted::Tests),
    ..REGISTER
};

pub(super) fn list(call: Call, mut requested: ListDeliveries) -> BoxFuture<'static, Result<Deliveries, Failure>> {
    async move {
        if let Some(id) = requested.delivery_id.take() {
            return call.one_delivery(&id, &requested).await;
        }
        let limit = page(requested.limit)?;
        let after = maybe("cursor", requested.cursor.as_deref())?;
        let (outcome, label) = (requested.outcome.as_deref().map(outcome_of), requested.label.as_deref().map(label_of));
        let query = DeliveryQuery {
            outcome: outcome.transpose().map_err(|error| Failure::invalid("outcome", error))?,
            label: label.transpose().map_err(|error| Failure::invalid("label", error))?,
            attempted_from: maybe("attempted_from", requested.attempted_from.as_deref())?,
            attempted_to: maybe("attempted_to", requested.attempted_to.as_deref())?,
            lane: requested.callback_id.map(|id| endpoint_id(&id)).transpose()?.map(LaneId::from),
            state: requested.status.map(|text| state(&text)).transpose()?,
            from: maybe("since", requested.since.as_deref())?,
            ..DeliveryQuery::default()
        };
        let found = call.scoped.deliveries(query, Page::of(limit).after(after).newest_first()).await?;
        let next_cursor = found.next.map(|next| next.to_string());
        let last = call.scoped.last_attempts(&found.items).await?;
        let deliveries =
            found.items.iter().zip(last).map(|(delivery, last)| document(delivery, last.as_ref())).collect();
        Ok(Deliveries { deliveries, next_cursor })
    }
    .boxed()
}

fn state(text: &str) -> Result<DeliveryState, Failure> {
    let known = serde_json::from_value(text.into());
    known.map_err(|_| Failure::invalid("status", "must be pending, delivered, failed, held or cancelled"))
}

fn document(delivery: &Delivery, last: Option<&Attempt>) -> DeliveryDocument {
    let is_due = delivery.state == DeliveryState::Pending && delivery.due != Timestamp::MAX;
    let status = serde_json::to_value(delivery.state).unwrap_or_default();
    DeliveryDocument {
        delivery_id: delivery.id.to_string(),
        callback_id: delivery.lane.to_string(),
        message_id: delivery.event.to_string(),
        event_type: delivery.event_type.to_string(),
        attempt: delivery.attempts,
        status: status.as_str().unwrap_or_default().into(),
        status_code: last.and_then(|attempt| attempt.outcome.status()),
        error_category: last.and_then(|attempt| category(attempt.outcome)),
        next_attempt_at: is_due.then(|| delivery.due.to_string()),
        attempts: None,
    }
}

/// A category for a failure. It never contains text of the endpoint.
pub(super) fn category(outcome: Outcome) -> Option<String> {
    match outcome {
        outcome if outcome.is_success() => None,
        Outcome::Status(code) => Some(format!("http_{}xx", code / 100)),
        outcome => Some(outcome.class().into()),
    }
}

pub(super) fn resend(call: Call, requested: Resend) -> BoxFuture<'static, Result<Resent, Failure>> {
    async move {
        match &requested.message_id {
            Some(_) if requested.background => {
                Err(Failure::invalid("background", "must be false, because a message is sent at once"))
            }
            Some(message) => call.resend_event(message, requested.callback_id.as_deref()).await,
            None => call.resend_failed(&requested).await,
        }
    }
    .boxed()
}

pub(super) fn test(call: Call, requested: One) -> BoxFuture<'static, Result<Tested, Failure>> {
    async move {
        let (receipt, attempt) = call.scoped.test_and_wait(endpoint_id(&requested.callback_id)?, TEST_PATIENCE).await?;
        let message_id = receipt.event.to_string();
        let Some(attempt) = attempt else {
            let error_category = Some("no_answer_yet".into());
            return Ok(Tested { ok: false, message_id, status_code: None, error_category, duration_ms: None });
        };
        Ok(Tested {
            ok: attempt.outcome.is_success(),
            message_id,
            status_code: attempt.outcome.status(),
            error_category: category(attempt.outcome),
            duration_ms: u64::try_from(attempt.duration.as_millis()).ok(),
        })
    }
    .boxed()
}

impl Call {
    /// One delivery, with its last attempts.
    async fn one_delivery(&self, id: &str, others: &ListDeliveries) -> Result<Deliveries, Failure> {
        if *others != ListDeliveries::default() {
            return Err(Failure::invalid("delivery_id", "no other argument is allowed with it; leave the others out"));
        }
        let id: DeliveryId = id.parse().map_err(|_| Failure::not_found())?;
        let delivery = self.scoped.delivery(id).await?.ok_or_else(Failure::not_found)?;
        let attempts = self.scoped.attempts_in_detail(id).await?.unwrap_or_default();
        let last = attempts.get(attempts.len().saturating_sub(MAX_ATTEMPTS)..).unwrap_or_default();
        let shown = DeliveryDocument {
            attempts: Some(last.iter().map(AttemptDocument::of).collect()),
            ..document(&delivery, last.last().map(|(attempt, _)| attempt))
        };
        Ok(Deliveries { deliveries: vec![shown], next_cursor: None })
    }

    /// Sends an event again, to every endpoint that it has a delivery for, or to the endpoint that is named.
    async fn resend_event(&self, message: &str, callback_id: Option<&str>) -> Result<Resent, Failure> {
        let event = EventId::new(message).map_err(|_| Failure::not_found())?;
        let endpoint = callback_id.map(endpoint_id).transpose()?;
        let resent = match self.scoped.resend_event(&self.tenant, &event, endpoint).await {
            Err(DeliveryError::WrongState) => {
                return Err(Failure::tool("wrong_state", "the message is pending already, or its payload was deleted"));
            }
            resent => resent?,
        };
        let delivery_ids: Vec<_> = resent.iter().map(ToString::to_string).collect();
        Ok(Resent { count: delivery_ids.len() as u64, delivery_ids, job: None })
    }

    /// Sends failed and cancelled deliveries of a span of time again, or starts a job that does.
    async fn resend_failed(&self, requested: &Resend) -> Result<Resent, Failure> {
        let (Some(id), Some(since)) = (&requested.callback_id, maybe("since", requested.since.as_deref())?) else {
            return Err(Failure::invalid("message_id", "is required, unless callback_id and since are given"));
        };
        let mut replay = self.scoped.replay(endpoint_id(id)?).await?.unfinished().from(since);
        if let Some(until) = maybe("until", requested.until.as_deref())? {
            replay = replay.to(until);
        }
        if requested.background {
            return Ok(Resent { count: 0, delivery_ids: Vec::new(), job: Some(replay.start().await?) });
        }
        Ok(Resent { count: replay.limit(MAX_RESENT).run().await?, delivery_ids: Vec::new(), job: None })
    }
}
