//! Failures in groups: a broken release at one endpoint is one line instead of thousands.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::caller::Caller;
use super::deliveries::{find_endpoint, place};
use super::failure::Failure;
use super::form::Shown;
use super::link::encoded;
use super::salvage::Unreadable;
use super::state::Console;
use super::view::{Tab, View};
use super::words::{self, When};
use super::wrong::Wrong;
use crate::clock::Timestamp;
use crate::endpoint::Endpoint;
use crate::id::{DeliveryId, EndpointId};
use crate::sender::FailureSample;
use crate::store::{FailureGroup, FailureKind, FailureList, FailureQuery, RollupStep};

/// The number of groups on the page: the largest ones.
const SHOWN: u32 = 100;

/// Deliveries are searched from this long before the oldest one of a group until this long after the newest one: the times of a group
/// come from ids, and the clock of the database may differ from the clock that made the ids.
const MARGIN: Duration = Duration::from_secs(60);

/// The number of endpoints that are read at the same time, so that a page leaves connections to others.
const AT_ONCE: usize = 8;

/// The spans of time that a caller can choose, in hours, the default first.
const SPANS: [(u64, &str); 3] = [(24, "last 24 hours"), (1, "last hour"), (168, "last 7 days")];

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/failures", get(failures))
}

/// Failures of one kind at one endpoint.
struct Group {
    count: u64,
    outcome: String,
    /// `None` if the endpoint was removed: it has no page.
    endpoint: Option<EndpointId>,
    target: String,
    tenant: String,
    first: When,
    last: When,
    reason: Option<&'static str>,
    remedy: Option<&'static str>,
    excerpt: Option<String>,
    /// `None` if it was pruned.
    sample: Option<DeliveryId>,
    /// The query of the list of these deliveries, and of the form that replays them.
    span: String,
}

impl Group {
    fn of(
        group: &FailureGroup,
        sample: FailureSample,
        endpoint: Result<Option<&Endpoint>, Unreadable>,
        now: Timestamp,
    ) -> Self {
        let (from, to) = (group.oldest - MARGIN, group.newest + MARGIN);
        // Without an attempt, there is no way to know here whether the delivery still exists.
        let is_kept = sample.has_attempts || group.kind.outcome.is_none();
        Self {
            count: group.count,
            outcome: outcome(&group.kind),
            target: match endpoint {
                Ok(Some(endpoint)) => place(endpoint),
                Ok(None) => "removed endpoint".into(),
                Err(Unreadable) => "endpoint that cannot be read".into(),
            },
            endpoint: endpoint.ok().flatten().map(|endpoint| endpoint.id),
            tenant: group.tenant.as_ref().map_or_else(|| "unknown tenant".into(), ToString::to_string),
            first: When::new(group.first, now),
            last: When::new(group.last, now),
            reason: group.kind.reason.map(words::failed),
            remedy: group.kind.outcome.and_then(words::remedy),
            excerpt: sample.attempt.and_then(|attempt| attempt.excerpt).map(String::from),
            sample: is_kept.then_some(group.sample),
            span: format!("from={}&to={}", encoded(&from.to_string()), encoded(&to.to_string())),
        }
    }
}

fn outcome(kind: &FailureKind) -> String {
    match kind.outcome {
        Some(outcome) => words::outcome(outcome),
        None if *kind == FailureKind::REST => "other failures".into(),
        None => "given up without another attempt".into(),
    }
}

#[derive(Template)]
#[template(path = "failures.html", config = "src/console/askama.toml")]
struct Failures {
    view: View,
    tenant: String,
    spans: Vec<(u64, &'static str, bool)>,
    /// The chosen span.
    hours: u64,
    /// The beginning of the first hour that is counted in full.
    since: When,
    /// Whether older hours were requested too, but are counted in part only.
    is_partial: bool,
    groups: Vec<Group>,
    wrong: Wrong,
    /// Whether smaller groups may be missing.
    is_cut: bool,
}

async fn failures(Shown(caller, fields): Shown) -> Result<Response, Failure> {
    let view = caller.view(Tab::Failures, "Failures");
    let asked: Option<u64> = fields.value("hours")?;
    let mut wrong = Wrong::default();
    let hours = SPANS.iter().map(|(hours, _)| *hours).find(|hours| Some(*hours) == asked).unwrap_or(SPANS[0].0);
    let since = RollupStep::Hour.start(view.now - Duration::from_secs(hours * 3_600));
    let mut query = FailureQuery::between(since, view.now + RollupStep::Hour.length());
    (query.tenant, query.limit) = (wrong.or_note("tenant", caller.tenant(fields.text("tenant"))), SHOWN);
    // Without a filter that can be read, nothing is searched.
    let found = match wrong.is_empty() {
        true => caller.scoped.failures(query).await?,
        false => FailureList::new(Vec::new(), since),
    };
    let groups = groups(&caller, &found.groups, view.now).await?;
    let template = Failures {
        tenant: fields.text("tenant").unwrap_or_default().to_owned(),
        spans: SPANS.iter().map(|(span, text)| (*span, *text, *span == hours)).collect(),
        hours,
        since: When::new(found.from, view.now),
        is_partial: found.from > since,
        is_cut: groups.len() >= SHOWN as usize,
        groups,
        wrong,
        view,
    };
    Wrong::page(template.wrong.is_empty(), &template)
}

/// The groups with their samples and endpoints. If a sample is damaged, the groups have none.
async fn groups(caller: &Caller, found: &[FailureGroup], now: Timestamp) -> Result<Vec<Group>, Failure> {
    let samples = caller.scoped.failure_samples(found).await;
    let samples = caller.shared.damage.readable("attempts", &"at the samples of failures", samples)?;
    let samples = samples.unwrap_or_else(|| vec![FailureSample::default(); found.len()]);
    let endpoints = endpoints_of(caller, found).await?;
    let group = |(group, sample): (&FailureGroup, _)| {
        let endpoint = endpoints.get(&group.endpoint).map_or(Ok(None), |known| known.as_ref().map(Option::as_deref));
        Group::of(group, sample, endpoint.map_err(|unreadable| *unreadable), now)
    };
    Ok(found.iter().zip(samples).map(group).collect())
}

/// An endpoint; `Ok(None)` if it was removed.
type Known = Result<Option<Arc<Endpoint>>, Unreadable>;

/// The endpoints of these groups. Some are read at the same time.
async fn endpoints_of(caller: &Caller, groups: &[FailureGroup]) -> Result<HashMap<EndpointId, Known>, Failure> {
    let ids: HashSet<_> = groups.iter().map(|group| group.endpoint).collect();
    let read = |id| async move { find_endpoint(caller, id).await.map(|found| (id, found)) };
    stream::iter(ids).map(read).buffer_unordered(AT_ONCE).try_collect().await
}
