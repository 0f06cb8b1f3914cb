//! convoy by frain-dev. All endpoints belong to one outgoing project, and each event names its endpoint.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Adapter, EVENT_TYPE, Place, member};
use crate::api::{Api, Call};
use crate::problem::Problem;

/// The token is an API key of the project.
#[derive(Debug)]
pub(crate) struct Convoy {
    /// The id of the project.
    pub(crate) project: String,
}

#[async_trait]
impl Adapter for Convoy {
    fn written_against(&self) -> &'static str {
        "convoy 26.7.3"
    }

    fn ready(&self) -> Call {
        Call::get("/healthz")
    }

    async fn open(&self, api: &Api, place: &Place<'_>) -> Result<String, Problem> {
        let project = format!("/api/v1/projects/{}", self.project);
        let endpoint = json!({"name": place.name, "url": place.url});
        let created = api.send(Call::post(format!("{project}/endpoints"), endpoint)).await?;
        let endpoint = member(&created, "/data/uid")?;
        // A subscription without a filter takes every event type.
        let subscription = json!({"name": place.name, "endpoint_id": endpoint});
        api.send(Call::post(format!("{project}/subscriptions"), subscription)).await?;
        Ok(endpoint)
    }

    fn dispatch(&self, endpoint: &str, data: Value) -> Call {
        let path = format!("/api/v1/projects/{}/events", self.project);
        Call::post(path, json!({"endpoint_id": endpoint, "event_type": EVENT_TYPE, "data": data}))
    }
}
