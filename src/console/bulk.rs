//! A change to all deliveries that match a filter: first a page that shows their number, then a job.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;

use super::bulk_action::BulkAction;
use super::caller::Caller;
use super::deliveries::{Chosen, query_of};
use super::failure::Failure;
use super::form::{Changed, Fields, Shown};
use super::link::see;
use super::pace::Pace;
use super::state::Console;
use super::view::{Tab, View};
use super::words;
use super::wrong::Wrong;
use crate::delivery::DeliveryState;
use crate::sender::Bulk;
use crate::store::DeliveryQuery;

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/jobs/new", get(form).post(start))
}

/// What the caller wants to change.
struct Asked {
    action: BulkAction,
    state: Option<DeliveryState>,
    chosen: Chosen,
    query: DeliveryQuery,
}

impl Asked {
    fn of(caller: &Caller, fields: &Fields) -> Result<Self, Failure> {
        let unknown = || Failure::invalid("what: must be resend or cancel");
        let action = fields.text("what").and_then(BulkAction::named).ok_or_else(unknown)?;
        let (state, chosen, mut wrong) = (fields.state()?, Chosen::of(fields), Wrong::default());
        let query = DeliveryQuery { state, ..query_of(caller, fields, &mut wrong) };
        if !wrong.is_empty() {
            return Err(Failure::invalid("filter: cannot be read; go back to the deliveries and correct it"));
        }
        if !action.suits(state, chosen.is_set()) {
            return Err(Failure::invalid("state: does not allow this change; go back and choose another state"));
        }
        Ok(Self { action, state, chosen, query })
    }

    fn prepare<'a>(&self, caller: &'a Caller) -> Bulk<'a> {
        match self.action {
            BulkAction::Resend => caller.scoped.resend_all(self.query.clone()),
            BulkAction::Cancel => caller.scoped.cancel_all(self.query.clone()),
        }
    }
}

#[derive(Template)]
#[template(path = "bulk.html", config = "src/console/askama.toml")]
struct BulkPage {
    view: View,
    action: BulkAction,
    state: &'static str,
    chosen: Chosen,
    /// The filter in words.
    filter: Vec<(&'static str, String)>,
    /// The number of deliveries, and whether it is exact. `None` if a record is damaged.
    count: Option<(u64, bool)>,
    pace: Pace,
    wrong: Wrong,
}

impl BulkPage {
    async fn of(caller: &Caller, asked: Asked, pace: Pace, wrong: Wrong) -> Result<Self, Failure> {
        let counted = asked.prepare(caller).count().await;
        let count = caller.shared.damage.readable("deliveries", &"that match a filter", counted)?;
        let view = caller.view(Tab::Deliveries, asked.action.text());
        let state = asked.state.map_or("", |state| words::state(state).text);
        let mut filter = vec![("State", if state.is_empty() { "any".to_owned() } else { state.to_owned() })];
        let set = asked.chosen.fields().into_iter().filter(|(_, value)| !value.is_empty());
        filter.extend(set.map(|(name, value)| (label(name), value.clone())));
        Ok(Self { view, action: asked.action, state, filter, chosen: asked.chosen, count, pace, wrong })
    }

    /// The number of deliveries in words.
    fn counted(&self) -> Option<String> {
        self.count.map(|(count, is_exact)| words::counted(count, is_exact, ["delivery", "deliveries"]))
    }

    /// Whether there may be something to change.
    const fn is_useful(&self) -> bool {
        matches!(self.count, Some((1.., _) | (_, false)))
    }
}

/// The label of a field of the filter.
fn label(name: &'static str) -> &'static str {
    match name {
        "tenant" => "Tenant",
        "type" => "Event type",
        "event" => "Event",
        "endpoint" => "Endpoint",
        "from" => "From (UTC)",
        "to" => "To (UTC)",
        "outcome" => "Last outcome",
        "label" => "Label of the endpoint",
        "attempted_from" => "Last attempt from (UTC)",
        "attempted_to" => "Last attempt before (UTC)",
        other => other,
    }
}

async fn form(Shown(caller, fields): Shown) -> Result<Response, Failure> {
    let asked = Asked::of(&caller, &fields)?;
    Wrong::page(true, &BulkPage::of(&caller, asked, Pace::of(&fields), Wrong::default()).await?)
}

async fn start(Changed(caller, fields): Changed) -> Result<Response, Failure> {
    let (asked, pace, mut wrong) = (Asked::of(&caller, &fields)?, Pace::of(&fields), Wrong::default());
    let mut bulk = asked.prepare(&caller);
    if let Some(limit) = pace.limit(&mut wrong) {
        bulk = bulk.limit(limit);
    }
    if asked.action.sends()
        && let Some(rate) = pace.rate(&mut wrong)
    {
        bulk = bulk.at_most(rate);
    }
    if !wrong.is_empty() {
        return Wrong::page(false, &BulkPage::of(&caller, asked, pace, wrong).await?);
    }
    let number = bulk.start().await?;
    Ok(see(&format!("{number}?done=started")))
}
