//! hookwire, by the API of its feature `manage`. Each endpoint belongs to a tenant of its own.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Adapter, EVENT_TYPE, Place};
use crate::api::{Api, Call};
use crate::problem::Problem;

/// The token must be an operator's.
#[derive(Debug)]
pub(crate) struct Hookwire;

#[async_trait]
impl Adapter for Hookwire {
    fn written_against(&self) -> &'static str {
        concat!("hookwire ", env!("CARGO_PKG_VERSION"))
    }

    fn ready(&self) -> Call {
        Call::get("/event-types")
    }

    async fn open(&self, api: &Api, place: &Place<'_>) -> Result<String, Problem> {
        api.send(Call::post("/endpoints", json!({"tenant": place.name, "url": place.url}))).await?;
        Ok(place.name.clone())
    }

    fn dispatch(&self, endpoint: &str, data: Value) -> Call {
        Call::post("/events", json!({"tenant": endpoint, "type": EVENT_TYPE, "data": data}))
    }
}
