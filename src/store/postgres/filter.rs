//! A query for deliveries as SQL.

use std::sync::Arc;

use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::rows::{DELIVERY_COLUMNS, endpoint_of, uuid_of_delivery};
use super::session::Param;
use crate::event::EventType;
use crate::store::relational::{lanes_of, made_before, state_condition};
use crate::store::sql::{ids_between, lane_column, publish_key};
use crate::store::{DeliveryQuery, Page};

/// A value and its type. Its number in the statement is its place in the list.
pub(super) type Value = (Arc<dyn ToSql + Sync + Send>, Type);

pub(super) fn params(values: &[Value]) -> Vec<Param<'_>> {
    values.iter().map(|(value, kind)| (&**value as &(dyn ToSql + Sync), kind.clone())).collect()
}

/// Binds a value. Returns its placeholder in the statement.
pub(super) fn bind(values: &mut Vec<Value>, value: impl ToSql + Sync + Send + 'static, kind: Type) -> String {
    values.push((Arc::new(value), kind));
    format!("${}", values.len())
}

/// The line of the last attempt in the log of a delivery `d`; empty if there is no attempt. In a line, the quotes of an excerpt are escaped,
/// so an excerpt contains no other member. `OFFSET 0` makes PostgreSQL read and split the log once for all conditions.
const LAST_LINE: &str = "CROSS JOIN LATERAL (SELECT split_part(d.log, chr(10), -2) AS line OFFSET 0) l ";

/// A label as the record of an endpoint contains it: the name and the value as JSON texts.
fn record_label(name: &str, value: &str) -> String {
    format!("{}:{}", serde_json::Value::from(name), serde_json::Value::from(value))
}

/// The pattern of a record with this label: after the brace, whole labels come before it. This is a pattern and no conversion to JSON,
/// because PostgreSQL converts no text that contains `\u0000`.
fn label_pattern(label: &str) -> String {
    let mut pattern = String::from(r#""labels":\{(?:"(?:[^"\\]|\\.)*":"(?:[^"\\]|\\.)*",)*"#);
    for letter in label.chars() {
        if letter.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern + "[,}]"
}

/// The conditions on the [line](LAST_LINE) of the last attempt.
fn last_attempt(query: &DeliveryQuery, values: &mut Vec<Value>) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(outcome) = query.outcome {
        let class = bind(values, outcome.class(), Type::TEXT);
        all.push(format!(r#"substring(l.line from '"class":"([a-z_]+)"') = {class}"#));
        if let Some((first, last)) = outcome.statuses() {
            let [first, last] = [first, last].map(|status| bind(values, i32::from(status), Type::INT4));
            all.push(format!(r#"substring(l.line from '"status":([0-9]+)')::integer BETWEEN {first} AND {last}"#));
        }
    }
    for (beyond, at) in [(">=", query.attempted_from), ("<", query.attempted_to)] {
        let at = at.map(|at| bind(values, at.as_micros(), Type::INT8));
        all.extend(at.map(|at| format!(r#"substring(l.line from '"at":(-?[0-9]+)')::bigint {beyond} {at}"#)));
    }
    all
}

/// A query as SQL. The text depends only on which conditions the query sets: each text is prepared once and can use its index, and its
/// values are always bound.
pub(super) struct DeliveryFilter {
    /// Conditions on the delivery's id.
    ids: Vec<String>,
    /// Conditions that every listed row meets.
    rest: Vec<String>,
    /// Whether a condition needs the line of the last attempt.
    needs_line: bool,
    pub(super) tenant: Option<String>,
    pub(super) event: Option<String>,
    pub(super) lane: Option<String>,
    pub(super) values: Vec<Value>,
}

impl DeliveryFilter {
    pub(super) fn of(query: &DeliveryQuery) -> Self {
        let mut values = Vec::new();
        let mut ids = Vec::new();
        let mut rest = vec![lanes_of!("d.lane", query.work).to_owned()];
        let (first, end) = ids_between(query.from, made_before(query));
        for (beyond, id) in [(">=", first), ("<", end)] {
            ids.extend(id.map(|id| format!("d.id {beyond} {}", bind(&mut values, uuid_of_delivery(id), Type::UUID))));
        }
        for (beyond, at) in [(">=", query.from), ("<", query.to)] {
            let at = at.map(|at| bind(&mut values, at.as_micros(), Type::INT8));
            rest.extend(at.map(|at| format!("d.created_at {beyond} {at}")));
        }
        let mut text = |text: &str| bind(&mut values, text.to_owned(), Type::TEXT);
        let tenant = query.tenant.as_ref().map(|tenant| text(tenant.as_str()));
        let event = query.event.as_ref().map(|event| match query.tenant {
            Some(_) => text(&publish_key(query.work, event)),
            None => text(event.as_str()),
        });
        let event_type = query.event_type.as_ref().map(EventType::as_str).map(text);
        let lane = query.lane.map(|lane| bind(&mut values, lane_column(lane), Type::BYTEA));
        rest.extend(tenant.as_ref().map(|tenant| format!("e.tenant = {tenant}")));
        rest.extend(event.as_ref().filter(|_| tenant.is_none()).map(|event| format!("e.id = {event}")));
        rest.extend(event_type.map(|event_type| format!("e.type = {event_type}")));
        rest.extend(lane.as_ref().map(|lane| format!("d.lane = {lane}")));
        let last_attempt = last_attempt(query, &mut values);
        let needs_line = !last_attempt.is_empty();
        rest.extend(last_attempt);
        rest.extend(query.label.as_ref().map(|(name, value)| {
            let label = record_label(name, value);
            let pattern = bind(&mut values, label_pattern(&label), Type::TEXT);
            let label = bind(&mut values, label, Type::TEXT);
            format!("CASE WHEN strpos(n.record, {label}) > 0 THEN n.record ~ {pattern} END")
        }));
        rest.extend(query.state.map(|state| state_condition(state).to_owned()));
        Self { ids, rest, needs_line, tenant, event, lane, values }
    }

    /// The condition for rows after the cursor, in the partitions of the requested days.
    pub(super) fn range(&self, page: Page, values: &mut Vec<Value>) -> String {
        let start = if page.newest_first { Uuid::max() } else { Uuid::nil() };
        let after = bind(values, page.after.map_or(start, uuid_of_delivery), Type::UUID);
        let mut range = format!("d.id {} {after}", page.direction().0);
        for condition in &self.ids {
            range = format!("{range} AND {condition}");
        }
        range
    }

    /// The matches among these rows. `OFFSET 0` makes the planner look up each event, and never read all of them.
    pub(super) fn matches(&self, rows: &str) -> String {
        format!(
            "SELECT {DELIVERY_COLUMNS} FROM ({rows}) d CROSS JOIN LATERAL \
             (SELECT tenant, id, type FROM hookwire.event WHERE key = d.event OFFSET 0) e \
             {}LEFT JOIN hookwire.endpoint n ON n.id = {} WHERE {}",
            if self.needs_line { LAST_LINE } else { "" },
            endpoint_of!(),
            self.rest.join(" AND ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::outcome::OutcomeFilter;

    #[test]
    fn a_log_is_split_once_and_only_if_a_condition_needs_it() {
        let time = Some(Timestamp::EPOCH);
        let outcome = OutcomeFilter::from_name("5xx");
        let most = DeliveryQuery { outcome, attempted_from: time, attempted_to: time, ..DeliveryQuery::default() };
        for (query, times) in [(most, 1), (DeliveryQuery { from: time, ..DeliveryQuery::default() }, 0)] {
            assert_eq!(DeliveryFilter::of(&query).matches("rows").matches("split_part").count(), times, "{query:?}");
        }
    }

    #[test]
    fn a_delivery_that_was_attempted_before_a_time_is_searched_among_those_made_before() {
        let query = DeliveryQuery { attempted_to: Some(Timestamp::EPOCH), ..DeliveryQuery::default() };
        let (filter, mut values) = (DeliveryFilter::of(&query), Vec::new());
        assert!(filter.range(Page::of(1), &mut values).contains("d.id < $"));
    }
}
