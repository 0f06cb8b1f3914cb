//! outpost by hookdeck. Each destination belongs to a tenant of its own.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Adapter, EVENT_TYPE, Place};
use crate::api::{Api, Call};
use crate::problem::Problem;

/// The token is the server's `API_KEY`.
#[derive(Debug)]
pub(crate) struct Outpost;

#[async_trait]
impl Adapter for Outpost {
    fn written_against(&self) -> &'static str {
        "outpost 1.2.0"
    }

    fn ready(&self) -> Call {
        Call::get("/healthz")
    }

    async fn open(&self, api: &Api, place: &Place<'_>) -> Result<String, Problem> {
        let tenant = format!("/api/v1/tenants/{}", place.name);
        api.send(Call::put(&tenant, json!({}))).await?;
        let destination = json!({"type": "webhook", "topics": ["*"], "config": {"url": place.url}});
        api.send(Call::post(format!("{tenant}/destinations"), destination)).await?;
        Ok(place.name.clone())
    }

    fn dispatch(&self, endpoint: &str, data: Value) -> Call {
        Call::post("/api/v1/publish", json!({"tenant_id": endpoint, "topic": EVENT_TYPE, "data": data}))
    }
}
