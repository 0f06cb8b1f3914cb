//! hook0. All subscriptions belong to one application, and a label leads each event to its subscription.

use ::hookwire::clock::{Clock as _, SystemClock};
use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Adapter, EVENT_TYPE, Place};
use crate::api::{Api, Call};
use crate::problem::Problem;

/// The token is a service token that may use the application.
#[derive(Debug)]
pub(crate) struct Hook0 {
    /// The id of the application, a UUID.
    pub(crate) application: String,
}

#[async_trait]
impl Adapter for Hook0 {
    fn written_against(&self) -> &'static str {
        "hook0-api 1.0.2"
    }

    fn ready(&self) -> Call {
        Call::get("/api/v1/instance")
    }

    async fn open(&self, api: &Api, place: &Place<'_>) -> Result<String, Problem> {
        let application = &self.application;
        // The three parts of the event type. Creating it again changes nothing.
        let event_type =
            json!({"application_id": application, "service": "bench", "resource_type": "event", "verb": "sent"});
        api.send(Call::post("/api/v1/event_types", event_type)).await?;
        let subscription = json!({
            "application_id": application,
            "is_enabled": true,
            "event_types": [EVENT_TYPE],
            "labels": {"place": place.name},
            "target": {"type": "http", "method": "POST", "url": place.url, "headers": {}},
        });
        api.send(Call::post("/api/v1/subscriptions", subscription)).await?;
        Ok(place.name.clone())
    }

    fn dispatch(&self, endpoint: &str, data: Value) -> Call {
        let event = json!({
            "application_id": self.application,
            "event_type": EVENT_TYPE,
            "payload": data.to_string(),
            "payload_content_type": "application/json",
            "occurred_at": SystemClock.now().to_string(),
            "labels": {"place": endpoint},
        });
        Call::post("/api/v1/event", event)
    }
}
