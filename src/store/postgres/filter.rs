//! A query for deliveries as SQL.

use std::sync::Arc;

use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::rows::{DELIVERY_COLUMNS, endpoint_of, uuid_of_delivery};
use super::session::Param;
use crate::event::EventType;
use crate::store::relational::{lanes_of, state_condition};
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

/// A query as SQL. The text depends only on which conditions the query sets: each text is prepared once and can use its index, and its
/// values are always bound.
pub(super) struct DeliveryFilter {
    /// Conditions on the delivery's id.
    ids: Vec<String>,
    /// Conditions that every listed row meets.
    rest: Vec<String>,
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
        let (first, end) = ids_between(query.from, query.to);
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
        rest.extend(query.state.map(|state| state_condition(state).to_owned()));
        Self { ids, rest, tenant, event, lane, values }
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
             LEFT JOIN hookwire.endpoint n ON n.id = {} WHERE {}",
            endpoint_of!(),
            self.rest.join(" AND ")
        )
    }
}
