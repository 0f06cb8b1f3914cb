//! The list of deliveries.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use futures_util::future::try_join_all;

use super::bulk_action::BulkAction;
use super::caller::Caller;
use super::damage::is_damage;
use super::failure::{Failure, page};
use super::form::{Changed, Fields, Shown, invalid};
use super::lease::running_until;
use super::link::encoded;
use super::salvage::{self, Last, Salvaged, Source, Unreadable};
use super::state::Console;
use super::turns::{Turns, turn_of};
use super::view::{Tab, View};
use super::words::{self, Badge, When};
use super::wrong::Wrong;
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery, DeliveryState};
use crate::endpoint::Endpoint;
use crate::id::{DeliveryId, EndpointId, Work};
use crate::sender::{DeliveryError, EndpointError};
use crate::store::DeliveryQuery;
use crate::store::query_text::{label_of, outcome_of};

/// The number of rows of a page.
const ROWS: u32 = 50;

pub(super) fn routes() -> Router<Console> {
    Router::new()
        .route("/deliveries", get(deliveries))
        .route("/deliveries/resend", post(resend))
        .route("/deliveries/cancel", post(cancel))
}

/// A delivery in a list.
pub(super) struct Row {
    pub(super) id: DeliveryId,
    pub(super) tenant: String,
    pub(super) event: String,
    pub(super) event_type: String,
    pub(super) endpoint: Option<EndpointId>,
    /// The target, without path and query, which may be a credential.
    pub(super) target: String,
    pub(super) state: Badge,
    pub(super) attempts: u32,
    pub(super) last: Option<String>,
    pub(super) created: When,
    pub(super) due: Option<When>,
    /// When the lease of the attempt ends that is running now.
    pub(super) running: Option<When>,
    /// Whether nothing but the id can be read.
    pub(super) is_damaged: bool,
}

impl Row {
    /// The rows of these deliveries. Each endpoint is read once, and the last attempts in one call.
    pub(super) async fn all(caller: &Caller, deliveries: &[Delivery], now: Timestamp) -> Result<Vec<Self>, Failure> {
        let attempts = salvage::last_attempts(Source::Sent(&caller.scoped), &caller.shared.damage, deliveries).await?;
        let endpoints = endpoints_of(caller, deliveries).await?;
        let row = |(delivery, last): (&Delivery, Last)| {
            let known = delivery.endpoint().and_then(|id| endpoints.get(&id));
            let endpoint = known.map(|known| known.as_deref()).ok_or(Unreadable);
            let last = last.as_ref().map(Option::as_ref).map_err(|error| *error);
            Self::of(delivery, last, endpoint, now)
        };
        Ok(deliveries.iter().zip(attempts).map(row).collect())
    }

    /// The rows of a page of a list, also those of its damaged records.
    pub(super) async fn of_page(
        caller: &Caller,
        found: &Salvaged,
        is_newest_first: bool,
        now: Timestamp,
    ) -> Result<Vec<Self>, Failure> {
        let rows = Self::all(caller, &found.items, now).await?;
        Ok(found.in_order(rows, |id| Self::damaged(id, now), is_newest_first))
    }

    /// The row of a delivery whose record cannot be read.
    fn damaged(id: DeliveryId, now: Timestamp) -> Self {
        Self {
            id,
            tenant: String::new(),
            event: String::new(),
            event_type: String::new(),
            endpoint: None,
            target: String::new(),
            state: words::UNREADABLE,
            attempts: 0,
            last: None,
            created: When::new(time_of(id), now),
            due: None,
            running: None,
            is_damaged: true,
        }
    }

    /// The row of a delivery; `endpoint` is `Ok(None)` if it was removed.
    pub(super) fn of(
        delivery: &Delivery,
        last: Result<Option<&Attempt>, Unreadable>,
        endpoint: Result<Option<&Endpoint>, Unreadable>,
        now: Timestamp,
    ) -> Self {
        let running = running_until(delivery, last, now);
        let is_waiting =
            delivery.state == DeliveryState::Pending && delivery.due != Timestamp::MAX && running.is_none();
        let last = match last {
            Ok(last) => last.map(|attempt| words::outcome(attempt.outcome)),
            Err(Unreadable) => Some("its record cannot be read".into()),
        };
        let target = match endpoint {
            Ok(Some(endpoint)) => place(endpoint),
            Ok(None) => "removed endpoint".into(),
            Err(Unreadable) => "an endpoint whose record cannot be read".into(),
        };
        Self {
            id: delivery.id,
            tenant: delivery.tenant.to_string(),
            event: delivery.event.to_string(),
            event_type: delivery.event_type.to_string(),
            endpoint: endpoint.ok().flatten().map(|endpoint| endpoint.id),
            target,
            state: words::state(delivery.state),
            attempts: delivery.attempts,
            last,
            created: When::new(delivery.created_at, now),
            due: is_waiting.then(|| When::new(delivery.due, now)),
            running: running.map(|until| When::new(until, now)),
            is_damaged: false,
        }
    }
}

/// Scheme, host and port of an endpoint, and the end of its id, which distinguishes two endpoints of one host.
pub(super) fn place(endpoint: &Endpoint) -> String {
    let id = endpoint.id.to_string();
    let end = id.get(id.len() - 4..).unwrap_or_default();
    format!("{}://{} …{end}", endpoint.target.scheme(), endpoint.target.authority())
}

/// The endpoints of these deliveries; `None` for an endpoint that was removed, and nothing for one whose record is damaged. Each endpoint
/// is read once, and all are read concurrently.
pub(super) async fn endpoints_of(
    caller: &Caller,
    deliveries: &[Delivery],
) -> Result<HashMap<EndpointId, Option<Arc<Endpoint>>>, Failure> {
    let ids: HashSet<_> = deliveries.iter().filter_map(Delivery::endpoint).collect();
    let read = |id| async move { find_endpoint(caller, id).await.map(|found| found.ok().map(|found| (id, found))) };
    Ok(try_join_all(ids.into_iter().map(read)).await?.into_iter().flatten().collect())
}

/// Reads an endpoint; `Ok(None)` if it was removed.
pub(super) async fn find_endpoint(
    caller: &Caller,
    id: EndpointId,
) -> Result<Result<Option<Arc<Endpoint>>, Unreadable>, Failure> {
    let read = match caller.scoped.endpoint(id).await {
        Ok(endpoint) => Ok(Some(endpoint)),
        Err(EndpointError::NotFound) => Ok(None),
        Err(EndpointError::Store(error)) if is_damage(&error) => Err(error),
        Err(error) => return Err(error.into()),
    };
    Ok(caller.shared.damage.readable("endpoint", &id, read)?.ok_or(Unreadable))
}

/// The fields of the filter, as the caller has set them.
#[derive(Default)]
pub(super) struct Chosen {
    tenant: String,
    event_type: String,
    event: String,
    endpoint: String,
    from: String,
    to: String,
    outcome: String,
    label: String,
    attempted_from: String,
    attempted_to: String,
}

impl Chosen {
    pub(super) fn of(fields: &Fields) -> Self {
        let text = |name| fields.text(name).unwrap_or_default().to_owned();
        Self {
            tenant: text("tenant"),
            event_type: text("type"),
            event: text("event"),
            endpoint: text("endpoint"),
            from: text("from"),
            to: text("to"),
            outcome: text("outcome"),
            label: text("label"),
            attempted_from: text("attempted_from"),
            attempted_to: text("attempted_to"),
        }
    }

    /// The names of the fields, and their values.
    pub(super) fn fields(&self) -> [(&'static str, &String); 10] {
        [
            ("tenant", &self.tenant),
            ("type", &self.event_type),
            ("event", &self.event),
            ("endpoint", &self.endpoint),
            ("from", &self.from),
            ("to", &self.to),
            ("outcome", &self.outcome),
            ("label", &self.label),
            ("attempted_from", &self.attempted_from),
            ("attempted_to", &self.attempted_to),
        ]
    }

    /// Whether any field is set.
    pub(super) fn is_set(&self) -> bool {
        self.fields().iter().any(|(_, value)| !value.is_empty())
    }

    /// The query of a link that keeps the filter.
    pub(super) fn query(&self) -> String {
        let set = self.fields().into_iter().filter(|(_, value)| !value.is_empty());
        set.map(|(name, value)| format!("&{name}={}", encoded(value))).collect()
    }
}

/// A state to filter by.
struct Chip {
    text: &'static str,
    value: &'static str,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "deliveries.html", config = "src/console/askama.toml")]
struct Deliveries {
    view: View,
    chips: Vec<Chip>,
    state: &'static str,
    chosen: Chosen,
    /// What can be done with all that match.
    bulk: Vec<BulkAction>,
    wrong: Wrong,
    kept: String,
    /// The link to a page of the list, without its cursor.
    base: String,
    rows: Vec<Row>,
    turns: Turns,
    /// How far the search has come, if it did not fill the page.
    searched: Option<When>,
}

/// The time in the id of a delivery: about the time at which it was made (RFC 9562 section 5.7).
pub(super) fn time_of(id: DeliveryId) -> Timestamp {
    let millis = u128::from_be_bytes(*id.as_bytes()) >> 80;
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// The filter of the form.
pub(super) fn query_of(caller: &Caller, fields: &Fields, wrong: &mut Wrong) -> DeliveryQuery {
    let mut query = DeliveryQuery::of(Work::Sent);
    query.tenant = wrong.or_note("tenant", caller.tenant(fields.text("tenant")));
    query.event = wrong.or_note("event", fields.value("event"));
    query.event_type = wrong.or_note("type", fields.value("type"));
    query.lane = wrong.or_note("endpoint", fields.value::<EndpointId>("endpoint")).map(Into::into);
    query.from = wrong.or_note("from", fields.time("from"));
    query.to = wrong.or_note("to", fields.time("to"));
    query.outcome = wrong.or_note("outcome", read(fields, "outcome", outcome_of));
    query.label = wrong.or_note("label", read(fields, "label", label_of));
    query.attempted_from = wrong.or_note("attempted_from", fields.time("attempted_from"));
    query.attempted_to = wrong.or_note("attempted_to", fields.time("attempted_to"));
    query
}

/// Reads a field whose text is a condition.
fn read<T>(fields: &Fields, name: &str, read: fn(&str) -> Result<T, &'static str>) -> Result<Option<T>, Failure> {
    fields.text(name).map(read).transpose().map_err(|error| invalid(name, &error))
}

async fn deliveries(Shown(caller, fields): Shown) -> Result<Response, Failure> {
    let view = caller.view(Tab::Deliveries, "Deliveries");
    let state = fields.state()?;
    let mut wrong = Wrong::default();
    let query = DeliveryQuery { state, ..query_of(&caller, &fields, &mut wrong) };
    let turn = turn_of(&fields)?;
    // Without a filter that can be read, nothing is searched.
    let found = match wrong.is_empty() {
        true => {
            let source = Source::Sent(&caller.scoped);
            salvage::deliveries(source, &caller.shared.damage, &query, turn.page(ROWS, true)).await?
        }
        false => Salvaged::default(),
    };
    let turns = if wrong.is_empty() { found.turns(turn, ROWS) } else { Turns::default() };
    let searched = found.next.filter(|_| turns.is_short);
    let chosen = Chosen::of(&fields);
    let state_text = state.map_or("", |state| words::state(state).text);
    let chip = |value: &'static str, text| Chip { text, value, is_chosen: value == state_text };
    let mut chips = vec![chip("", "all")];
    chips.extend(words::STATES.map(|state| chip(words::state(state).text, words::state(state).text)));
    let template = Deliveries {
        rows: Row::of_page(&caller, &found, true, view.now).await?,
        searched: searched.map(|to| When::new(time_of(to).min(view.now), view.now)),
        turns,
        base: format!("deliveries?state={state_text}{}&", chosen.query()),
        kept: chosen.query(),
        bulk: BulkAction::of_list(state, chosen.is_set()),
        chosen,
        chips,
        state: state_text,
        wrong,
        view,
    };
    Wrong::page(template.wrong.is_empty(), &template)
}

/// The result of a change to the chosen deliveries.
#[derive(Template)]
#[template(path = "chosen.html", config = "src/console/askama.toml")]
struct ChosenPage {
    view: View,
    verb: &'static str,
    done: usize,
    /// Deliveries that no longer exist, or whose state does not allow the change.
    unchanged: Vec<DeliveryId>,
}

async fn resend(Changed(caller, fields): Changed) -> Result<Response, Failure> {
    let mut report = ChosenPage::new(&caller, "sent again");
    for id in fields.chosen("deliveries")? {
        report.note(id, resend_or_send_now(&caller, id).await)?;
    }
    page(&report)
}

/// A pending delivery that waits for its next attempt is sent now.
async fn resend_or_send_now(caller: &Caller, id: DeliveryId) -> Result<(), DeliveryError> {
    match caller.scoped.delivery(id).await? {
        Some(delivery) if delivery.state == DeliveryState::Pending => {
            match caller.scoped.send_now(&[delivery]).await? {
                0 => Err(DeliveryError::WrongState),
                _ => Ok(()),
            }
        }
        _ => caller.scoped.resend(id).await,
    }
}

async fn cancel(Changed(caller, fields): Changed) -> Result<Response, Failure> {
    let mut report = ChosenPage::new(&caller, "cancelled");
    for id in fields.chosen("deliveries")? {
        report.note(id, caller.scoped.cancel(id).await)?;
    }
    page(&report)
}

impl ChosenPage {
    fn new(caller: &Caller, verb: &'static str) -> Self {
        Self { view: caller.view(Tab::Deliveries, "Chosen deliveries"), verb, done: 0, unchanged: Vec::new() }
    }

    /// Another process may have changed a delivery since the list was shown. That does not stop the others.
    fn note(&mut self, id: DeliveryId, result: Result<(), DeliveryError>) -> Result<(), Failure> {
        match result {
            Ok(()) => self.done += 1,
            Err(DeliveryError::WrongState | DeliveryError::NotFound) => self.unchanged.push(id),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}
