//! Which deliveries a list reads, and by which index.

use super::PostgresStore;
use super::error::StoreFailure;
use super::filter::{DeliveryFilter, params};
use super::rows::{endpoint_of, get};
use crate::delivery::DeliveryState;
use crate::id::Work;
use crate::store::relational::{events_of, lanes_of};
use crate::store::{DeliveryQuery, History, MOST_EXAMINED, StoreError};

/// A tenant with at most this many events is quiet: a list of its deliveries reads the deliveries of all its events. The deliveries of a
/// busy tenant are found in the order of their ids.
const QUIET: u32 = 300;

/// The numbers of rows that a search examines, one after the other, until its page is full. Most pages are full after the first one. A row
/// costs several times as much as in SQLite, so a search examines fewer.
pub(super) const STEPS: [u32; 2] = [1_000, 3_000];

/// The steps of a search among rows that are far apart in their table.
const SCATTERED_STEPS: [u32; 2] = [300, 700];

/// Which deliveries a list reads.
pub(super) enum Source {
    /// The rows of a table in the order of their ids, by an index that the conditions lead to.
    Ordered { table: &'static str, conditions: Vec<String> },
    /// A statement that returns so few rows that all of them are read.
    Few(String),
}

/// Unfinished deliveries, with the columns that finished ones have.
const UNFINISHED: &str = "SELECT *, NULL::bigint AS finished_at FROM hookwire.delivery";
const FINISHED: &str = "SELECT * FROM hookwire.finished";
const EVERY: &str = "SELECT * FROM hookwire.every_delivery";

impl Source {
    /// The statement that returns the rows. It ends in its condition.
    pub(super) fn rows(&self) -> String {
        match self {
            Self::Ordered { table, conditions } => {
                let all: String = conditions.iter().map(|condition| format!(" AND {condition}")).collect();
                format!("{table} d WHERE TRUE{all}")
            }
            Self::Few(rows) => rows.clone(),
        }
    }

    /// The numbers of rows that a search examines, one after the other. Rows that are far apart in the table cost more.
    pub(super) const fn steps(&self) -> [u32; 2] {
        match self {
            Self::Ordered { conditions, .. } if conditions.is_empty() => STEPS,
            _ => SCATTERED_STEPS,
        }
    }

    /// Rows of a table, of one lane if the query has one: for tables with an index that contains the ids of each lane in order.
    fn of_lane(table: &'static str, filter: &DeliveryFilter) -> Self {
        let conditions = filter.lane.iter().map(|lane| format!("d.lane = {lane}")).collect();
        Self::Ordered { table, conditions }
    }

    /// Failed or cancelled deliveries, by an index that contains only these.
    fn undelivered(state: u8, work: Work, filter: &DeliveryFilter) -> Self {
        let of = match &filter.lane {
            Some(lane) => format!("d.lane = {lane}"),
            None => lanes_of!("d.lane", work).to_owned(),
        };
        Self::Ordered { table: FINISHED, conditions: vec![format!("d.state = {state}"), of] }
    }
}

impl PostgresStore {
    pub(super) async fn source(&self, query: &DeliveryQuery, filter: &DeliveryFilter) -> Result<Source, StoreError> {
        if let (Some(tenant), Some(event)) = (&filter.tenant, &filter.event) {
            return Ok(Source::Few(format!(
                "{EVERY} d WHERE d.event = (SELECT event FROM hookwire.publish WHERE tenant = {tenant} AND id = {event})"
            )));
        }
        if let Some(tenant) = &filter.tenant {
            let events = format!(
                "SELECT key FROM hookwire.event WHERE tenant = {tenant} AND {}",
                events_of!("audience", query.work)
            );
            if self.are_few(&events, filter, QUIET).await? {
                return Ok(Source::Few(own(&events)));
            }
        }
        match query.state {
            Some(DeliveryState::Delivered) => Ok(Source::of_lane(FINISHED, filter)),
            Some(DeliveryState::Failed) => Ok(Source::undelivered(2, query.work, filter)),
            Some(DeliveryState::Cancelled) if !self.is_removal_unfinished(query, filter).await? => {
                Ok(Source::undelivered(3, query.work, filter))
            }
            Some(DeliveryState::Pending) => self.few_or_unfinished(pending(filter), filter).await,
            Some(DeliveryState::Held) => self.few_or_unfinished(Some(held(filter)), filter).await,
            _ => self.every(query, filter).await,
        }
    }

    /// The unfinished deliveries that a statement returns, if they are few; otherwise all.
    async fn few_or_unfinished(&self, ids: Option<String>, filter: &DeliveryFilter) -> Result<Source, StoreError> {
        if let Some(ids) = ids
            && self.are_few(&ids, filter, MOST_EXAMINED).await?
        {
            return Ok(Source::Few(format!("{UNFINISHED} d WHERE d.id IN ({ids}) OFFSET 0")));
        }
        Ok(Source::Ordered { table: UNFINISHED, conditions: Vec::new() })
    }

    /// All deliveries. The deliveries of a lane are found by the index of the lane, unless so many deliveries wait in it that a search by
    /// ids is faster.
    async fn every(&self, query: &DeliveryQuery, filter: &DeliveryFilter) -> Result<Source, StoreError> {
        match query.lane {
            Some(lane) if self.backlog(&[lane], MOST_EXAMINED + 1).await? <= MOST_EXAMINED => {
                Ok(Source::of_lane(EVERY, filter))
            }
            _ => Ok(Source::Ordered { table: EVERY, conditions: Vec::new() }),
        }
    }

    /// Whether a statement returns so few rows that all of them may be read.
    async fn are_few(&self, rows: &str, filter: &DeliveryFilter, most: u32) -> Result<bool, StoreError> {
        let sql = format!("SELECT count(*) AS found FROM ({rows} LIMIT {}) counted", most + 1);
        let rows = self.query_text(&sql, &params(&filter.values)).await?;
        let found: i64 = rows.first().map_or(Ok(0), |row| get(row, "found")).map_err(StoreFailure::into_store_error)?;
        Ok(found <= i64::from(most))
    }

    /// Whether a removed endpoint still has pending deliveries: its removal was interrupted, or a dispatch did not see it.
    async fn is_removal_unfinished(&self, query: &DeliveryQuery, filter: &DeliveryFilter) -> Result<bool, StoreError> {
        let waiting = match &filter.lane {
            Some(lane) => {
                format!("waiting AS (SELECT DISTINCT lane FROM hookwire.delivery WHERE state = 0 AND lane = {lane})")
            }
            None => super::counts::lanes_in("waiting", 0, false),
        };
        let sql = format!(
            "WITH RECURSIVE {waiting} SELECT 1 AS one FROM waiting d JOIN hookwire.endpoint n ON n.id = {} WHERE n.state = 2 AND {} LIMIT 1",
            endpoint_of!(),
            lanes_of!("d.lane", query.work)
        );
        Ok(!self.query_text(&sql, &params(&filter.values)).await?.is_empty())
    }
}

/// The pending deliveries of a lane.
fn pending(filter: &DeliveryFilter) -> Option<String> {
    let lane = filter.lane.as_ref()?;
    Some(format!("SELECT id FROM hookwire.delivery WHERE state = 0 AND lane = {lane}"))
}

/// Held deliveries: held by decision, or because their endpoint is disabled.
fn held(filter: &DeliveryFilter) -> String {
    let of = |lane: &str| filter.lane.as_ref().map_or_else(String::new, |wanted| format!(" AND {lane} = {wanted}"));
    format!(
        "SELECT id FROM hookwire.delivery WHERE state = 4{} UNION ALL SELECT p.id FROM hookwire.endpoint m CROSS JOIN LATERAL \
         (SELECT id FROM hookwire.delivery WHERE state = 0 AND lane = uuid_send(m.id)) p WHERE m.state = 1{}",
        of("lane"),
        of("uuid_send(m.id)")
    )
}

/// The deliveries of these events. `OFFSET 0` makes the planner start with the events.
fn own(events: &str) -> String {
    format!(
        "SELECT d.* FROM ({events} OFFSET 0) e CROSS JOIN LATERAL (SELECT * FROM hookwire.every_delivery d \
         WHERE d.event = e.key OFFSET 0) d"
    )
}
