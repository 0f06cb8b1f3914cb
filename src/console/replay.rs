//! Sends stored events to an endpoint again: first a count, then a job.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;

use super::caller::Caller;
use super::endpoints::EndpointRow;
use super::failure::{Failure, page};
use super::form::{Changed, Fields, Id, Shown};
use super::link::see;
use super::pace::Pace;
use super::state::Console;
use super::view::{Tab, View};
use super::words;
use super::wrong::Wrong;
use crate::endpoint::Endpoint;
use crate::id::EndpointId;
use crate::sender::Replay;

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/endpoints/{id}/replay", get(form).post(replay))
}

/// Which events are sent again, and the text of the choice.
const SELECTIONS: [(&str, &str); 4] = [
    ("not_arrived", "what did not arrive: the delivery failed, was cancelled or never existed"),
    ("never_owed", "what the endpoint never had a delivery of"),
    ("unfinished", "what failed or was cancelled"),
    ("all", "everything that it subscribes to, also what it has got"),
];

#[derive(Template)]
#[template(path = "replay.html", config = "src/console/askama.toml")]
struct ReplayPage {
    view: View,
    row: EndpointRow,
    selections: Vec<(&'static str, &'static str, bool)>,
    chosen: &'static str,
    from: String,
    to: String,
    types: String,
    fresh_ids: bool,
    pace: Pace,
    /// After a dry run: the number of events, and whether it is exact.
    count: Option<(u64, bool)>,
    wrong: Wrong,
}

impl ReplayPage {
    fn of(caller: &Caller, endpoint: &Endpoint, fields: &Fields) -> Self {
        let view = caller.view(Tab::Endpoints, "Replay");
        let text = |name| fields.text(name).unwrap_or_default().to_owned();
        let chosen = selection(fields);
        Self {
            row: EndpointRow::of(endpoint, view.now),
            selections: SELECTIONS.iter().map(|(value, text)| (*value, *text, *value == chosen)).collect(),
            chosen,
            from: text("from"),
            to: text("to"),
            types: text("types"),
            fresh_ids: fields.is_present("fresh_ids"),
            pace: Pace::of(fields),
            count: None,
            wrong: Wrong::default(),
            view,
        }
    }

    /// After a dry run: the number of events in words.
    fn counted(&self) -> Option<String> {
        self.count.map(|(count, is_exact)| words::counted(count, is_exact, ["event", "events"]))
    }

    /// Whether there may be something to send.
    const fn is_useful(&self) -> bool {
        matches!(self.count, Some((1.., _) | (_, false)))
    }
}

fn selection(fields: &Fields) -> &'static str {
    let chosen = SELECTIONS.iter().find(|(value, _)| fields.text("what") == Some(value));
    chosen.map_or("not_arrived", |(value, _)| value)
}

async fn form(Id(id): Id<EndpointId>, Shown(caller, fields): Shown) -> Result<Response, Failure> {
    page(&ReplayPage::of(&caller, &*caller.scoped.endpoint(id).await?, &fields))
}

async fn replay(Id(id): Id<EndpointId>, Changed(caller, fields): Changed) -> Result<Response, Failure> {
    let endpoint = caller.scoped.endpoint(id).await?;
    let mut wrong = Wrong::default();
    let replay = prepared(caller.scoped.replay_read(endpoint.clone()), &fields, &mut wrong);
    if !wrong.is_empty() {
        return Wrong::page(false, &ReplayPage { wrong, ..ReplayPage::of(&caller, &endpoint, &fields) });
    }
    if fields.text("step") == Some("send") {
        let number = replay.start().await?;
        return Ok(see(&format!("../../jobs/{number}?done=started")));
    }
    let count = replay.count_up_to_bound().await?;
    page(&ReplayPage { count: Some(count), ..ReplayPage::of(&caller, &endpoint, &fields) })
}

fn prepared<'a>(replay: Replay<'a>, fields: &Fields, wrong: &mut Wrong) -> Replay<'a> {
    let mut replay = match selection(fields) {
        "never_owed" => replay.never_owed(),
        "unfinished" => replay.unfinished(),
        "all" => replay.all(),
        _ => replay.not_arrived(),
    };
    if let Some(from) = wrong.or_note("from", fields.time("from")) {
        replay = replay.from(from);
    }
    if let Some(to) = wrong.or_note("to", fields.time("to")) {
        replay = replay.to(to);
    }
    if let Some(types) = wrong.or_note("types", fields.value("types")) {
        replay = replay.types(types);
    }
    if fields.is_present("fresh_ids") {
        replay = replay.under_fresh_ids();
    }
    let pace = Pace::of(fields);
    if let Some(limit) = pace.limit(wrong) {
        replay = replay.limit(limit);
    }
    if let Some(rate) = pace.rate(wrong) {
        replay = replay.at_most(rate);
    }
    replay
}
