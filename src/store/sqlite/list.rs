//! Lists of deliveries and events.

use std::borrow::Cow;

use rusqlite::types::Value;
use rusqlite::{Statement, params};

use super::rows::{DELIVERY_COLUMNS, audience, delivery, event_id, event_type, fence, select, time};
use super::session::Session;
use super::unfinished::is_removal_unfinished;
use crate::clock::Timestamp;
use crate::delivery::{Delivery, DeliveryState};
use crate::id::{DeliveryId, EndpointId, EventId, Work};
use crate::outcome::OutcomeFilter;
use crate::store::relational::{audience_condition, cursor, lanes_of, made_before, state_condition};
use crate::store::sql::{ids_between, lane_column, publish_key, signed};
use crate::store::{DeliveryQuery, EventQuery, EventSummary, Listed, MOST_EXAMINED, Page};

/// The numbers of rows that a search examines, one after the other, until its page is full. Most pages are full after the first one.
const STEPS: [u32; 2] = [1_000, MOST_EXAMINED - 1_000];

/// A search among rows that are far apart in the file examines fewer of them.
const SCATTERED_STEPS: [u32; 2] = [500, 2_500];

/// A search that reads the deliveries of each event examines fewer events.
const STEPS_WITH_DELIVERIES: [u32; 2] = [500, 4_500];

/// Searches for a page, step by step. `end` returns the last row of a step, or `None` if fewer rows are left; `rows` returns the matches up
/// to this row. If a row is deleted between the two calls, no other row is left out.
fn search<T, C: Copy>(
    (page, steps): (Page<C>, [u32; 2]),
    cursor: impl Fn(&T) -> C,
    end: impl Fn(Page<C>, u32) -> rusqlite::Result<Option<C>>,
    rows: impl Fn(Page<C>, Option<C>) -> rusqlite::Result<Vec<T>>,
) -> rusqlite::Result<Listed<T, C>> {
    if page.limit == 0 {
        return Ok(Listed::default());
    }
    let (mut found, mut step) = (Vec::new(), page);
    for length in steps {
        let last = end(step, length)?;
        // One more than the page shows: it tells whether there is another page.
        step.limit = page.limit.saturating_add(1).saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
        found.extend(rows(step, last)?);
        if last.is_none() || found.len() > page.limit as usize {
            return Ok(Listed::cut(found, page.limit, cursor, None));
        }
        step = step.after(last);
    }
    Ok(Listed::cut(found, page.limit, cursor, step.after))
}

/// Which deliveries a list reads.
struct Source {
    /// The table, with the index that a search uses.
    table: &'static str,
    /// The condition for that index.
    condition: String,
    /// The numbers of rows of each step, in the order of their ids. `None` if the condition leads to so few rows that all are read at once.
    steps: Option<[u32; 2]>,
}

impl Source {
    fn of(session: &Session<'_>, query: &DeliveryQuery) -> rusqlite::Result<Self> {
        let of_lane = if query.lane.is_some() { "= :lane" } else { "IS NOT NULL" };
        let few = match query.state {
            _ if query.event.is_some() => return Ok(Self::of_event(query)),
            Some(DeliveryState::Failed) => return Ok(Self::undelivered(2, query)),
            Some(DeliveryState::Cancelled) if !is_removal_unfinished(session, query.work, query.lane)? => {
                return Ok(Self::undelivered(3, query));
            }
            Some(DeliveryState::Pending) => {
                format!("SELECT p.id FROM hookwire_delivery p WHERE p.state = 0 AND p.lane {of_lane}")
            }
            // `CROSS JOIN` makes SQLite start with the disabled endpoints.
            Some(DeliveryState::Held) => format!(
                "SELECT h.id FROM hookwire_delivery h WHERE h.state = 4 AND h.lane {of_lane} UNION ALL \
                 SELECT p.id FROM hookwire_endpoint m CROSS JOIN hookwire_delivery p \
                 WHERE m.state = 1 AND m.id {of_lane} AND p.lane = m.id AND p.state = 0"
            ),
            _ => return Ok(Self::all()),
        };
        if are_few(session, &few, query)? {
            return Ok(Self { table: "hookwire_delivery d", condition: format!("d.id IN ({few})"), steps: None });
        }
        Ok(Self::all())
    }

    fn all() -> Self {
        Self { table: "hookwire_delivery d", condition: "TRUE".into(), steps: Some(STEPS) }
    }

    /// The deliveries of an event, found by the key under which its id is taken.
    fn of_event(query: &DeliveryQuery) -> Self {
        let of_tenant = if query.tenant.is_some() { " AND tenant = :tenant" } else { "" };
        Self {
            table: "hookwire_delivery d INDEXED BY hookwire_delivery_event",
            condition: format!("d.event IN (SELECT event FROM hookwire_publish WHERE id = :event{of_tenant})"),
            steps: None,
        }
    }

    fn undelivered(state: u8, query: &DeliveryQuery) -> Self {
        let (table, of) = match (query.lane, query.work) {
            (Some(_), _) => ("hookwire_delivery d INDEXED BY hookwire_undelivered_lane", "d.lane = :lane"),
            (None, Work::Sent) => {
                ("hookwire_delivery d INDEXED BY hookwire_undelivered_sent", lanes_of!("d.lane", Work::Sent))
            }
            (None, Work::Received) => {
                ("hookwire_delivery d INDEXED BY hookwire_undelivered_received", lanes_of!("d.lane", Work::Received))
            }
        };
        Self {
            table,
            condition: format!("d.state IN (2, 3) AND d.state = {state} AND {of}"),
            steps: Some(SCATTERED_STEPS),
        }
    }
}

/// Whether a statement returns so few ids that all of them may be read.
fn are_few(session: &Session<'_>, ids: &str, query: &DeliveryQuery) -> rusqlite::Result<bool> {
    let sql = format!("SELECT count(*) FROM ({ids} LIMIT :limit)");
    let mut statement = session.prepare_cached(&sql)?;
    let lane = (":lane", query.lane.map(|lane| Value::Blob(lane_column(lane))).unwrap_or(Value::Null));
    bind(&mut statement, &[lane, (":limit", Value::Integer(i64::from(MOST_EXAMINED) + 1))])?;
    let mut rows = statement.raw_query();
    let found: u32 = rows.next()?.map_or(Ok(0), |row| row.get(0))?;
    Ok(found <= MOST_EXAMINED)
}

/// A named parameter with its value.
type Named = (&'static str, Value);

/// Binds those of the values that the statement uses.
fn bind(statement: &mut Statement<'_>, values: &[Named]) -> rusqlite::Result<()> {
    for (name, value) in values {
        if let Some(index) = statement.parameter_index(name)? {
            statement.raw_bind_parameter(index, value)?;
        }
    }
    Ok(())
}

fn id_value(id: DeliveryId) -> Value {
    Value::Blob(id.as_bytes().to_vec())
}

/// A list of deliveries as SQL. A statement contains only the conditions that the query sets, and values are always bound.
struct DeliverySearch<'a, 'c> {
    session: &'a Session<'c>,
    source: Source,
    /// Conditions on the id beside those of the page.
    ids: String,
    /// Conditions that every listed row meets. The planner takes no index for them, because `IS TRUE` hides them.
    rest: String,
    values: Vec<Named>,
}

impl<'a, 'c> DeliverySearch<'a, 'c> {
    fn new(session: &'a Session<'c>, query: &DeliveryQuery) -> rusqlite::Result<Self> {
        let source = Source::of(session, query)?;
        let (first, end) = ids_between(query.from, made_before(query));
        let ids = [first.map(|_| " AND d.id >= :first"), end.map(|_| " AND d.id < :before")];
        let (texts, mut values): (Vec<_>, Vec<_>) = conditions(query).into_iter().unzip();
        let rest = [lanes_of!("d.lane", query.work)]
            .into_iter()
            .chain(texts)
            .chain(query.state.map(state_condition))
            .map(|condition| format!(" AND ({condition}) IS TRUE"))
            .collect();
        values.extend(first.map(|id| (":first", id_value(id))));
        values.extend(end.map(|id| (":before", id_value(id))));
        values.extend(query.event.as_ref().map(|id| (":event", Value::Text(event_key(query, id).into_owned()))));
        Ok(Self { session, source, ids: ids.into_iter().flatten().collect(), rest, values })
    }

    /// The rows of the source in the range of ids, and the values for that range.
    fn range(&self, page: Page, last: Option<DeliveryId>) -> (String, Vec<Named>) {
        let (beyond, _) = page.direction();
        let until = if page.newest_first { ">=" } else { "<=" };
        let mut sql = format!("{}{}", self.source.condition, self.ids);
        let mut values = self.values.clone();
        for (name, comparison, id) in [(":after", beyond, page.after), (":last", until, last)] {
            if let Some(id) = id {
                sql.push_str(&format!(" AND d.id {comparison} {name}"));
                values.push((name, id_value(id)));
            }
        }
        (sql, values)
    }

    /// The statement for the last of the next rows, and its values without the number of rows.
    fn end_sql(&self, page: Page) -> (String, Vec<Named>) {
        let (range, values) = self.range(page, None);
        let (table, (_, order)) = (self.source.table, page.direction());
        (format!("SELECT d.id FROM {table} WHERE {range} ORDER BY d.id {order} LIMIT 1 OFFSET :skipped"), values)
    }

    /// The last of the next `step` rows; `None` if there are fewer.
    fn end(&self, page: Page, step: u32) -> rusqlite::Result<Option<DeliveryId>> {
        let (sql, mut values) = self.end_sql(page);
        values.push((":skipped", Value::Integer(i64::from(step) - 1)));
        let mut statement = self.session.prepare_cached(&sql)?;
        bind(&mut statement, &values)?;
        let mut rows = statement.raw_query();
        rows.next()?.map(|row| row.get(0).map(DeliveryId::from_bytes)).transpose()
    }

    /// The statement for the matches of a step, and its values.
    fn rows_sql(&self, page: Page, last: Option<DeliveryId>) -> (String, Vec<Named>) {
        let (range, mut values) = self.range(page, last);
        let (table, (_, order)) = (self.source.table, page.direction());
        // `CROSS JOIN` makes SQLite start with the deliveries.
        let rest = format!(
            "FROM {table} CROSS JOIN hookwire_event e ON e.seq = d.event LEFT JOIN hookwire_endpoint n ON n.id = d.lane \
             WHERE {range}{} ORDER BY d.id {order} LIMIT :limit",
            self.rest
        );
        values.push((":limit", Value::Integer(page.limit.into())));
        (select(DELIVERY_COLUMNS, &rest), values)
    }

    /// The matches of a step.
    fn rows(&self, page: Page, last: Option<DeliveryId>) -> rusqlite::Result<Vec<Delivery>> {
        let (sql, values) = self.rows_sql(page, last);
        let mut statement = self.session.prepare_cached(&sql)?;
        bind(&mut statement, &values)?;
        statement.raw_query().mapped(delivery).collect()
    }
}

pub(super) fn find_deliveries(
    session: &Session<'_>,
    query: &DeliveryQuery,
    page: Page,
) -> rusqlite::Result<Listed<Delivery>> {
    let list = DeliverySearch::new(session, query)?;
    let end = |page, step| if list.source.steps.is_some() { list.end(page, step) } else { Ok(None) };
    let steps = list.source.steps.unwrap_or(STEPS);
    search((page, steps), |found: &Delivery| found.id, end, |page, last| list.rows(page, last))
}

/// Whether the record of an endpoint has a label. A removed endpoint has an empty record.
const HAS_LABEL: &str = "CASE WHEN json_valid(n.record) THEN EXISTS \
     (SELECT 1 FROM json_each(n.record, '$.labels') l WHERE l.key = :label_name AND l.value = :label_value) END";

/// The conditions that the query sets, each with its value.
fn conditions(query: &DeliveryQuery) -> Vec<(&'static str, Named)> {
    let text = |text: &str| Value::Text(text.to_owned());
    let time = |at: Timestamp| Value::Integer(at.as_micros());
    let statuses = query.outcome.and_then(OutcomeFilter::statuses);
    [
        ("d.created_at >= :from", ":from", query.from.map(time)),
        ("d.created_at < :to", ":to", query.to.map(time)),
        ("e.tenant = :tenant", ":tenant", query.tenant.as_ref().map(|tenant| text(tenant.as_str()))),
        ("d.lane = :lane", ":lane", query.lane.map(|lane| Value::Blob(lane_column(lane)))),
        ("e.type = :type", ":type", query.event_type.as_ref().map(|event_type| text(event_type.as_str()))),
        ("d.last_class = :class", ":class", query.outcome.map(|outcome| text(outcome.class()))),
        ("d.last_status >= :status_from", ":status_from", statuses.map(|(first, _)| Value::Integer(first.into()))),
        ("d.last_status <= :status_to", ":status_to", statuses.map(|(_, last)| Value::Integer(last.into()))),
        ("d.last_at >= :attempted_from", ":attempted_from", query.attempted_from.map(time)),
        ("d.last_at < :attempted_to", ":attempted_to", query.attempted_to.map(time)),
        (HAS_LABEL, ":label_name", query.label.as_ref().map(|(name, _)| text(name))),
        // `HAS_LABEL` uses this value too.
        ("TRUE", ":label_value", query.label.as_ref().map(|(_, value)| text(value))),
    ]
    .into_iter()
    .filter_map(|(condition, name, value)| Some((condition, (name, value?))))
    .collect()
}

/// The key under which the id of an event is taken.
fn event_key<'a>(query: &DeliveryQuery, id: &'a EventId) -> Cow<'a, str> {
    publish_key(query.work, id)
}

pub(super) fn find_events(
    session: &Session<'_>,
    query: &EventQuery,
    page: Page<u64>,
) -> rusqlite::Result<Listed<EventSummary, u64>> {
    let end = |page, step| end_of_events(session, page, step);
    let steps = if query.missing_at.is_some() { STEPS_WITH_DELIVERIES } else { STEPS };
    search((page, steps), |found: &EventSummary| found.cursor, end, |page, last| events(session, query, page, last))
}

fn end_of_events(session: &Session<'_>, page: Page<u64>, step: u32) -> rusqlite::Result<Option<u64>> {
    use rusqlite::OptionalExtension as _;
    let (beyond, order) = page.direction();
    let sql = format!("SELECT seq FROM hookwire_event WHERE seq {beyond} ?1 ORDER BY seq {order} LIMIT 1 OFFSET ?2");
    session.prepare_cached(&sql)?.query_row(params![cursor(page), step - 1], |row| fence(row, 0)).optional()
}

fn events(
    session: &Session<'_>,
    query: &EventQuery,
    page: Page<u64>,
    last: Option<u64>,
) -> rusqlite::Result<Vec<EventSummary>> {
    let (beyond, order) = page.direction();
    let until = if page.newest_first { ">=" } else { "<=" };
    let sql = format!(
        "SELECT e.seq, e.id, e.type, e.appended_at, e.audience FROM hookwire_event e WHERE e.seq {beyond} ?1 \
         AND e.seq {until} ?7 AND e.tenant = ?2 AND e.appended_at >= ?3 AND e.appended_at < ?4 AND e.expunged = 0 AND {} \
         AND (?5 IS NULL OR NOT EXISTS (SELECT 1 FROM hookwire_delivery d WHERE d.event = e.seq AND d.lane = ?5)) \
         ORDER BY e.seq {order} LIMIT ?6",
        audience_condition(query)
    );
    let read = |row: &rusqlite::Row<'_>| {
        Ok(EventSummary {
            cursor: fence(row, 0)?,
            id: event_id(row, 1)?,
            event_type: event_type(row, 2)?,
            audience: audience(row, 4)?,
            appended_at: time(row, 3)?,
        })
    };
    let missing_at = query.missing_at.map(|id: EndpointId| id.as_bytes().to_vec());
    let (from, to) = (query.from.as_micros(), query.to.as_micros());
    let last = last.map_or(if page.newest_first { i64::MIN } else { i64::MAX }, signed);
    let values = params![cursor(page), query.tenant.as_str(), from, to, missing_at, page.limit, last];
    session.prepare_cached(&sql)?.query_map(values, read)?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::id::QueueName;
    use crate::store::sqlite::schema;

    fn plan(session: &Session<'_>, sql: &str) -> Vec<String> {
        let mut plan = session.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        plan.raw_query().mapped(|row| row.get(3)).map(Result::unwrap).collect()
    }

    /// Otherwise a step would cost more than its rows.
    #[test]
    fn every_search_reads_its_rows_in_order_by_an_index() {
        let mut connection = rusqlite::Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        let session = Session::new(&connection);
        let lanes = [None, Some(EndpointId::from_bytes([1; 16]).into()), Some(QueueName::new("all").unwrap().into())];
        let (tenant, event_type) = (Some("acme".into()), Some("a.b".parse().unwrap()));
        for work in [Work::Sent, Work::Received] {
            for (lane, state) in lanes.iter().flat_map(|lane| STATES.map(|state| (*lane, state))) {
                let all = DeliveryQuery { lane, state, ..DeliveryQuery::of(work) };
                let (from, to) = (Some(Timestamp::EPOCH), Some(Timestamp::MAX));
                let mut most =
                    DeliveryQuery { tenant: tenant.clone(), event_type: event_type.clone(), from, to, ..all.clone() };
                (most.attempted_from, most.attempted_to) = (from, to);
                most.outcome = OutcomeFilter::from_name("5xx");
                most.label = Some(("plan".into(), "pro".into()));
                for query in [all, most] {
                    assert_is_ordered(&session, &query);
                }
            }
        }
    }

    #[test]
    fn a_delivery_that_was_attempted_before_a_time_is_searched_among_those_made_before() {
        let mut connection = rusqlite::Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        let query = DeliveryQuery { attempted_to: Some(Timestamp::EPOCH), ..DeliveryQuery::default() };
        let session = Session::new(&connection);
        assert_eq!(DeliverySearch::new(&session, &query).unwrap().ids, " AND d.id < :before");
    }

    const STATES: [Option<DeliveryState>; 4] =
        [None, Some(DeliveryState::Delivered), Some(DeliveryState::Failed), Some(DeliveryState::Cancelled)];

    fn assert_is_ordered(session: &Session<'_>, query: &DeliveryQuery) {
        let list = DeliverySearch::new(session, query).unwrap();
        let id = DeliveryId::from_bytes([7; 16]);
        for page in [Page::of(9), Page::of(9).after(id), Page::of(9).after(id).newest_first()] {
            for sql in [list.end_sql(page).0, list.rows_sql(page, Some(id)).0] {
                let steps = plan(session, &sql);
                assert!(!steps.iter().any(|step| step.contains("B-TREE")), "{sql}: {steps:?}");
                let of_label = ["CORRELATED SCALAR SUBQUERY", "SCAN l VIRTUAL TABLE"];
                let is_indexed = |step: &String| {
                    step.starts_with("SEARCH") || step == "SCAN d" || of_label.iter().any(|one| step.starts_with(one))
                };
                assert!(steps.iter().all(is_indexed), "{sql}: {steps:?}");
            }
        }
    }
}
