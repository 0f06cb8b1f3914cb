//! svix-server. Each endpoint belongs to an application of its own.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Adapter, EVENT_TYPE, Place};
use crate::api::{Api, Call};
use crate::problem::Problem;

/// The token is what `svix-server jwt generate` prints.
#[derive(Debug)]
pub(crate) struct Svix;

#[async_trait]
impl Adapter for Svix {
    fn written_against(&self) -> &'static str {
        "svix-server 1.100.0"
    }

    fn ready(&self) -> Call {
        Call::get("/api/v1/health")
    }

    async fn open(&self, api: &Api, place: &Place<'_>) -> Result<String, Problem> {
        api.send(Call::post("/api/v1/app", json!({"name": place.name, "uid": place.name}))).await?;
        // The uid of an application stands for its id in every path.
        let endpoints = format!("/api/v1/app/{}/endpoint", place.name);
        api.send(Call::post(endpoints, json!({"url": place.url}))).await?;
        Ok(place.name.clone())
    }

    fn dispatch(&self, endpoint: &str, data: Value) -> Call {
        // Without `with_content=false` the answer repeats the payload.
        let path = format!("/api/v1/app/{endpoint}/msg?with_content=false");
        Call::post(path, json!({"eventType": EVENT_TYPE, "payload": data}))
    }
}
