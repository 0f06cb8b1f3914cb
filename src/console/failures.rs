//! Failures in groups: a broken release at one endpoint is one line instead of thousands.

use std::collections::HashMap;
use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;

use super::caller::Caller;
use super::deliveries::{endpoints_of, place};
use super::failure::{Failure, page};
use super::form::Shown;
use super::link::encoded;
use super::state::Console;
use super::view::{Tab, View};
use super::words::{self, When};
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery, DeliveryState};
use crate::id::{DeliveryId, EndpointId, Tenant, Work};
use crate::store::{DeliveryQuery, Page};

/// The number of failed deliveries that are grouped: the newest ones.
const GROUPED: u32 = 1_000;

/// The number of characters of a response that distinguish failures.
const SHAPE: usize = 160;

/// The longest time that is considered from the creation of a delivery to its last attempt. It is longer than any usual retry
/// schedule.
const LONGEST_LIFE: Duration = Duration::from_secs(30 * 86_400);

/// The spans of time that a caller can choose, in hours, the default first.
const SPANS: [(u64, &str); 3] = [(24, "last 24 hours"), (1, "last hour"), (168, "last 7 days")];

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/failures", get(failures))
}

/// What the failures of a group have in common.
#[derive(PartialEq, Eq, Hash)]
struct Kind {
    endpoint: Option<EndpointId>,
    outcome: String,
    reason: Option<&'static str>,
    shape: String,
}

impl Kind {
    fn of(delivery: &Delivery, last: Option<&Attempt>) -> Self {
        let excerpt = last.and_then(|attempt| attempt.excerpt.as_deref()).unwrap_or_default();
        Self {
            endpoint: delivery.endpoint(),
            outcome: last.map_or_else(|| "no attempt".into(), |attempt| words::outcome(attempt.outcome)),
            reason: words::reason(delivery),
            shape: shape(excerpt),
        }
    }
}

/// A response without the parts that differ between requests: each number and each word with a digit becomes a `#`.
fn shape(excerpt: &str) -> String {
    let words = excerpt.split_inclusive(|c: char| !c.is_alphanumeric());
    let bare = words.map(|word| match word.contains(|c: char| c.is_ascii_digit()) {
        true => format!("#{}", word.trim_start_matches(char::is_alphanumeric)),
        false => word.to_owned(),
    });
    bare.collect::<String>().chars().take(SHAPE).collect()
}

/// Failures of one kind.
struct Group {
    kind: Kind,
    target: String,
    tenant: String,
    count: usize,
    first: Timestamp,
    last: Timestamp,
    first_shown: When,
    last_shown: When,
    sample: DeliveryId,
    excerpt: Option<String>,
    remedy: Option<&'static str>,
}

impl Group {
    /// The query of the list of these deliveries, and of the form that replays them.
    fn span(&self) -> String {
        let end = self.last + Duration::from_micros(1);
        format!("from={}&to={}", encoded(&self.first.to_string()), encoded(&end.to_string()))
    }
}

#[derive(Template)]
#[template(path = "failures.html", config = "src/console/askama.toml")]
struct Failures {
    view: View,
    tenant: String,
    spans: Vec<(u64, &'static str, bool)>,
    groups: Vec<Group>,
    /// Whether older failures may be missing, because too many deliveries were found.
    is_cut: bool,
}

async fn failures(Shown(caller, fields): Shown) -> Result<Response, Failure> {
    let view = caller.view(Tab::Failures, "Failures");
    let asked: Option<u64> = fields.value("hours")?;
    let hours = SPANS.iter().map(|(hours, _)| *hours).find(|hours| Some(*hours) == asked).unwrap_or(SPANS[0].0);
    let tenant = caller.tenant(fields.text("tenant"))?;
    let (found, is_cut) = failed_since(&caller, tenant, view.now - Duration::from_secs(hours * 3_600)).await?;
    let attempts = caller.scoped.last_attempts(&found).await?;
    let mut groups = grouped(&found, attempts, view.now);
    let samples: Vec<_> =
        found.iter().filter(|one| groups.iter().any(|group| group.sample == one.id)).cloned().collect();
    let endpoints = endpoints_of(&caller, &samples).await?;
    for group in &mut groups {
        let endpoint = group.kind.endpoint.and_then(|id| endpoints.get(&id)).and_then(Option::as_ref);
        group.target = endpoint.map_or_else(|| "removed endpoint".into(), |endpoint| place(endpoint));
        // A removed endpoint has no page.
        group.kind.endpoint = endpoint.map(|endpoint| endpoint.id);
    }
    let template = Failures {
        tenant: fields.text("tenant").unwrap_or_default().to_owned(),
        spans: SPANS.iter().map(|(span, text)| (*span, *text, *span == hours)).collect(),
        groups,
        is_cut,
        view,
    };
    page(&template)
}

/// The deliveries that have failed since this time, newest first, and whether older ones may be missing. A delivery may fail days
/// after its creation, so the search begins earlier than this time.
pub(super) async fn failed_since(
    caller: &Caller,
    tenant: Option<Tenant>,
    since: Timestamp,
) -> Result<(Vec<Delivery>, bool), Failure> {
    let mut query = DeliveryQuery::of(Work::Sent);
    (query.tenant, query.state, query.from) = (tenant, Some(DeliveryState::Failed), Some(since - LONGEST_LIFE));
    let found = caller.scoped.deliveries(query, Page::of(GROUPED).newest_first()).await?;
    let (mut found, is_cut) = (found.items, found.next.is_some());
    found.retain(|delivery| delivery.finished_at.is_some_and(|at| at >= since));
    Ok((found, is_cut))
}

/// Groups deliveries, which must be sorted newest first. The largest group comes first.
fn grouped(deliveries: &[Delivery], attempts: Vec<Option<Attempt>>, now: Timestamp) -> Vec<Group> {
    let mut places: HashMap<Kind, usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for (delivery, last) in deliveries.iter().zip(attempts) {
        let kind = Kind::of(delivery, last.as_ref());
        let made = delivery.created_at;
        if let Some(group) = places.get(&kind).and_then(|place| groups.get_mut(*place)) {
            group.count += 1;
            (group.first, group.last) = (group.first.min(made), group.last.max(made));
            group.first_shown = When::new(group.first, now);
            continue;
        }
        places.insert(Kind::of(delivery, last.as_ref()), groups.len());
        groups.push(Group {
            kind,
            target: String::new(),
            tenant: delivery.tenant.to_string(),
            count: 1,
            first: made,
            last: made,
            first_shown: When::new(made, now),
            last_shown: When::new(made, now),
            sample: delivery.id,
            remedy: last.as_ref().and_then(|attempt| words::remedy(attempt.outcome)),
            excerpt: last.and_then(|attempt| attempt.excerpt).map(String::from),
        });
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_that_differ_in_numbers_and_ids_have_one_shape() {
        let shapes = ["error 17 at req_5f2c: timeout", "error 4 at req_91aa: timeout"].map(shape);
        assert_eq!(shapes[0], "error # at req_#: timeout");
        assert_eq!(shapes[0], shapes[1]);
        assert_ne!(shape("error 1: timeout"), shape("error 1: refused"));
        assert!(shape(&"é".repeat(10_000)).chars().count() <= SHAPE);
    }
}
