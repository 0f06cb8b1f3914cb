//! Lists of deliveries.

use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::PostgresStore;
use super::rows::{DELIVERY_COLUMNS, deliveries, endpoint_of, uuid_of_delivery};
use super::session::Param;
use crate::event::EventType;
use crate::id::Work;
use crate::store::relational::{events_of, lanes_of, state_condition};
use crate::store::sql::{ids_between, lane_column, publish_key};
use crate::store::{DeliveryQuery, Page, StoreError};

/// The number of deliveries from the requested end of the list that are searched for a tenant's before the tenant's own events are scanned.
/// The first search is fast for a busy tenant, the second for a quiet one, and neither reads all rows.
const NEAREST: u32 = 10_000;

impl PostgresStore {
    pub(super) async fn find_deliveries(&self, query: &DeliveryQuery, page: Page) -> Result<Vec<Row>, StoreError> {
        let select = DeliverySelect::of(query, page);
        match &select.tenant {
            // Only the tenant limits the query; queries with an event or endpoint have indexes.
            Some(tenant) if query.event.is_none() && query.lane.is_none() => {
                let near = self.list(&select, &select.nearest()).await?;
                if near.len() >= page.limit as usize {
                    Ok(near)
                } else {
                    self.list(&select, &own(tenant, query.work)).await
                }
            }
            _ => self.list(&select, &deliveries("hookwire.every_delivery")).await,
        }
    }

    async fn list(&self, select: &DeliverySelect, from: &str) -> Result<Vec<Row>, StoreError> {
        let DeliverySelect { ids, rest, order, limit, values, .. } = select;
        let conditions = [ids.as_slice(), rest.as_slice()].concat().join(" AND ");
        let sql = format!("SELECT {DELIVERY_COLUMNS} {from} WHERE {conditions} ORDER BY d.id {order} LIMIT {limit}");
        let params: Vec<Param<'_>> =
            values.iter().map(|(value, kind)| (&**value as &(dyn ToSql + Sync), kind.clone())).collect();
        self.query_text(&sql, &params).await
    }
}

/// A query as SQL. The text depends only on which conditions the query sets: each text is prepared once and can use its index, and its
/// values are always bound.
struct DeliverySelect {
    /// Conditions on the delivery's id.
    ids: Vec<String>,
    rest: Vec<String>,
    tenant: Option<String>,
    order: &'static str,
    limit: String,
    values: Vec<(Box<dyn ToSql + Sync + Send>, Type)>,
}

impl DeliverySelect {
    fn of(query: &DeliveryQuery, page: Page) -> Self {
        let (_, order) = page.direction();
        let (ids, rest, values) = (Vec::new(), Vec::new(), Vec::new());
        let mut all = Self { ids, rest, tenant: None, order, limit: String::new(), values };
        all.limit = all.bind(i64::from(page.limit), Type::INT8);
        // The condition is on both, because each kind of work has indexes of its own.
        all.ids.push(lanes_of!("d.lane", query.work).to_owned());
        all.rest.push(events_of!("e.audience", query.work).to_owned());
        all.ids_of(query, page);
        all.tenant = query.tenant.as_ref().map(|tenant| all.bind(tenant.as_str().to_owned(), Type::TEXT));
        let event = query.event.as_ref().map(|event| match query.tenant {
            Some(_) => publish_key(query.work, event).into_owned(),
            None => event.to_string(),
        });
        let event = event.map(|event| all.bind(event, Type::TEXT));
        all.rest.extend(match (&all.tenant, event) {
            (Some(tenant), Some(event)) => {
                Some(format!("d.event = (SELECT event FROM hookwire.publish WHERE tenant = {tenant} AND id = {event})"))
            }
            (Some(tenant), None) => Some(format!("e.tenant = {tenant}")),
            (None, Some(event)) => Some(format!("e.id = {event}")),
            (None, None) => None,
        });
        if let Some(lane) = query.lane {
            let lane = all.bind(lane_column(lane), Type::BYTEA);
            all.rest.push(format!("d.lane = {lane}"));
        }
        if let Some(event_type) = query.event_type.as_ref().map(EventType::as_str) {
            let event_type = all.bind(event_type.to_owned(), Type::TEXT);
            all.rest.push(format!("e.type = {event_type}"));
        }
        for (at, beyond) in [(query.from, ">="), (query.to, "<")] {
            if let Some(at) = at {
                let at = all.bind(at.as_micros(), Type::INT8);
                all.rest.push(format!("d.created_at {beyond} {at}"));
            }
        }
        all.rest.extend(query.state.map(|state| state_condition(state).to_owned()));
        all
    }

    /// Adds the conditions for rows after the cursor, in the partitions of the requested days.
    fn ids_of(&mut self, query: &DeliveryQuery, page: Page) {
        let start = if page.newest_first { Uuid::max() } else { Uuid::nil() };
        let (first, end) = ids_between(query.from, query.to);
        let after = page.after.map_or(start, uuid_of_delivery);
        let bounds =
            [(page.direction().0, Some(after)), (">=", first.map(uuid_of_delivery)), ("<", end.map(uuid_of_delivery))];
        for (beyond, id) in bounds {
            if let Some(id) = id {
                let id = self.bind(id, Type::UUID);
                self.ids.push(format!("d.id {beyond} {id}"));
            }
        }
    }

    /// Binds a value. Returns its placeholder in the statement.
    fn bind(&mut self, value: impl ToSql + Sync + Send + 'static, kind: Type) -> String {
        self.values.push((Box::new(value), kind));
        format!("${}", self.values.len())
    }

    fn nearest(&self) -> String {
        let (ids, order) = (self.ids.join(" AND "), self.order);
        deliveries(&format!(
            "(SELECT * FROM hookwire.every_delivery d WHERE {ids} ORDER BY d.id {order} LIMIT {NEAREST})"
        ))
    }
}

/// The deliveries of a tenant's events. `OFFSET 0` makes the planner start with the events.
fn own(tenant: &str, work: Work) -> String {
    format!(
        "FROM (SELECT * FROM hookwire.event WHERE tenant = {tenant} AND {} OFFSET 0) e CROSS JOIN LATERAL \
         (SELECT * FROM hookwire.every_delivery d WHERE d.event = e.key OFFSET 0) d \
         LEFT JOIN hookwire.endpoint n ON n.id = {}",
        events_of!("audience", work),
        endpoint_of!()
    )
}
