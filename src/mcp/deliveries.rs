//! What was delivered, and asking for it again.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::callbacks::{LIST, REGISTER};
use super::documents::{Deliveries, DeliveryDocument, ListDeliveries, One, Resend, Resent, Tested};
use super::failure::Failure;
use super::read::{self, callback, maybe, page};
use super::route::{Call, Counted, Spec};
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery, DeliveryState};
use crate::id::{DeliveryId, EventId, LaneId};
use crate::outcome::Outcome;
use crate::store::{DeliveryQuery, Page};

/// Most deliveries that one call sends again.
const MAX_RESENT: u64 = 1_000;

/// How long a test waits for its attempt, and how often it looks.
const TEST_LOOKS: u32 = 200;
const TEST_PAUSE: Duration = Duration::from_millis(100);

pub(super) const LIST_DELIVERIES: Spec = Spec {
    name: "webhook_list_deliveries",
    title: "List deliveries",
    description: "List what was sent to callbacks and what became of it, newest first. Payloads and answers are not shown.",
    ..LIST
};

pub(super) const RESEND: Spec = Spec {
    name: "webhook_resend",
    title: "Send again",
    description: "Send a message again under the same webhook-id, to one callback or to all it was owed to; or, with callback_id and \
        since, everything that has failed or was cancelled in that time.",
    repeats: false,
    counted: Some(Counted::Resends),
    ..REGISTER
};

pub(super) const TEST: Spec = Spec {
    name: "webhook_test",
    title: "Test callback",
    description: "Send a test event to a callback and say how it was answered.",
    repeats: false,
    counted: Some(Counted::Tests),
    ..REGISTER
};

pub(super) fn list(call: Call, asked: ListDeliveries) -> BoxFuture<'static, Result<Deliveries, Failure>> {
    async move {
        let limit = page(asked.limit)?;
        let after = maybe("cursor", asked.cursor.as_deref())?;
        let query = DeliveryQuery {
            lane: asked.callback_id.map(|id| callback(&id)).transpose()?.map(LaneId::from),
            state: asked.status.map(|text| state(&text)).transpose()?,
            from: maybe("since", asked.since.as_deref())?,
            ..DeliveryQuery::default()
        };
        let found = call.scoped().deliveries(query, Page::of(limit + 1).after(after).newest_first()).await?;
        let (shown, next_cursor) = read::cut(&found, limit, |last: &Delivery| last.id.to_string());
        let mut deliveries = Vec::with_capacity(shown.len());
        for delivery in shown {
            let last = if delivery.attempts > 0 { call.last_attempt(delivery.id).await? } else { None };
            deliveries.push(document(delivery, last.as_ref()));
        }
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
    }
}

/// What went wrong, in a word: never what the endpoint has said.
fn category(outcome: Outcome) -> Option<String> {
    match outcome {
        outcome if outcome.is_success() => None,
        Outcome::Status(code) => Some(format!("http_{}xx", code / 100)),
        outcome => Some(outcome.class().into()),
    }
}

pub(super) fn resend(call: Call, asked: Resend) -> BoxFuture<'static, Result<Resent, Failure>> {
    async move {
        match &asked.message_id {
            Some(message) => call.resend_message(message, asked.callback_id.as_deref()).await,
            None => call.recover(&asked).await,
        }
    }
    .boxed()
}

pub(super) fn test(call: Call, asked: One) -> BoxFuture<'static, Result<Tested, Failure>> {
    async move {
        let receipt = call.scoped().test(callback(&asked.callback_id)?).await?;
        let delivery = receipt.deliveries.first().copied().ok_or_else(Failure::not_found)?;
        let message_id = receipt.event.to_string();
        for _ in 0..TEST_LOOKS {
            if let Some(attempt) = call.last_attempt(delivery).await? {
                return Ok(Tested {
                    ok: attempt.outcome.is_success(),
                    message_id,
                    status_code: attempt.outcome.status(),
                    error_category: category(attempt.outcome),
                    duration_ms: u64::try_from(attempt.duration.as_millis()).ok(),
                });
            }
            tokio::time::sleep(TEST_PAUSE).await;
        }
        let error_category = Some("no_answer_yet".into());
        Ok(Tested { ok: false, message_id, status_code: None, error_category, duration_ms: None })
    }
    .boxed()
}

impl Call {
    async fn last_attempt(&self, id: DeliveryId) -> Result<Option<Attempt>, Failure> {
        Ok(self.scoped().attempts(id).await?.and_then(|mut attempts| attempts.pop()))
    }

    /// To each callback that it was owed to, or to the one that is named.
    async fn resend_message(&self, message: &str, callback_id: Option<&str>) -> Result<Resent, Failure> {
        let event = EventId::new(message).map_err(|_| Failure::not_found())?;
        let lane = callback_id.map(callback).transpose()?.map(LaneId::from);
        let query = DeliveryQuery { event: Some(event), lane, ..DeliveryQuery::default() };
        let page = Page::of(u32::try_from(MAX_RESENT).unwrap_or(u32::MAX));
        let owed = self.scoped().deliveries(query, page).await?;
        if owed.is_empty() {
            return Err(Failure::not_found());
        }
        let mut delivery_ids = Vec::new();
        for delivery in owed {
            if self.scoped().resend(delivery.id).await? == Some(true) {
                delivery_ids.push(delivery.id.to_string());
            }
        }
        if delivery_ids.is_empty() {
            return Err(Failure::tool("wrong_state", "it is on its way already, or its payload was forgotten"));
        }
        Ok(Resent { count: delivery_ids.len() as u64, delivery_ids })
    }

    /// What has failed or was cancelled in a span of time.
    async fn recover(&self, asked: &Resend) -> Result<Resent, Failure> {
        let (Some(id), Some(since)) = (&asked.callback_id, maybe("since", asked.since.as_deref())?) else {
            return Err(Failure::invalid("message_id", "name a message, or a callback_id and since"));
        };
        let mut replay = self.scoped().replay(callback(id)?).await?.unfinished().from(since).limit(MAX_RESENT);
        if let Some(until) = maybe("until", asked.until.as_deref())? {
            replay = replay.to(until);
        }
        Ok(Resent { count: replay.run().await?, delivery_ids: Vec::new() })
    }
}
