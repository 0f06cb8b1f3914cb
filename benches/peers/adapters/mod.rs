//! One adapter for each server: the requests that create an endpoint and that dispatch an event.
//!
//! No adapter sends an id of its own for an event, or any setting that makes an endpoint faster or slower than the server's default.

mod convoy;
mod hook0;
mod hookwire;
mod outpost;
mod svix;
#[cfg(test)]
mod tests;

use std::fmt::Debug;

use async_trait::async_trait;
use serde_json::Value;

use crate::api::{Api, Call};
use crate::problem::Problem;
use crate::settings::Settings;

/// The event type, in a form that every server accepts.
pub(crate) const EVENT_TYPE: &str = "bench.event.sent";

/// An endpoint to create.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    /// Differs for each endpoint of each run. Only letters and digits, and hyphens.
    pub(crate) name: String,
    /// The receiver.
    pub(crate) url: &'a str,
}

/// What the benchmark needs from a server.
#[async_trait]
pub(crate) trait Adapter: Debug + Send + Sync {
    /// The version whose API the adapter was written against.
    fn written_against(&self) -> &'static str;

    /// A request that succeeds when the server answers.
    fn ready(&self) -> Call;

    /// Creates an endpoint. Returns what [`Adapter::dispatch`] needs to send an event to this endpoint alone.
    async fn open(&self, api: &Api, place: &Place<'_>) -> Result<String, Problem>;

    /// The request that dispatches an event with this data.
    fn dispatch(&self, endpoint: &str, data: Value) -> Call;
}

/// The adapter that the settings name.
pub(crate) fn find(settings: &Settings) -> Result<Box<dyn Adapter>, Problem> {
    let scope = |meaning: &str| {
        let missing = || Problem::new(format!("set the environment variable PEERS_SCOPE: {meaning}"));
        settings.scope.clone().ok_or_else(missing)
    };
    Ok(match settings.server.as_str() {
        "hookwire" => Box::new(hookwire::Hookwire),
        "svix" => Box::new(svix::Svix),
        "outpost" => Box::new(outpost::Outpost),
        "convoy" => Box::new(convoy::Convoy { project: scope("the id of an outgoing project of convoy")? }),
        "hook0" => Box::new(hook0::Hook0 { application: scope("the id (a UUID) of an application of hook0")? }),
        other => {
            let names = "hookwire, svix, outpost, convoy, hook0";
            return Err(Problem::new(format!("no adapter is named `{other}`; name one of these: {names}")));
        }
    })
}

/// Reads a text member of an answer by its JSON pointer.
fn member(answer: &[u8], pointer: &str) -> Result<String, Problem> {
    let document: Value = serde_json::from_slice(answer).unwrap_or_default();
    let found = document.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let text = String::from_utf8_lossy(answer);
    found.ok_or_else(|| Problem::new(format!("the server's answer has no text at {pointer}: {text}")))
}
