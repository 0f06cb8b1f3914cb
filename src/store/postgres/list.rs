//! Lists of deliveries.

use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::PostgresStore;
use super::error::StoreFailure;
use super::filter::{DeliveryFilter, Value, bind, params};
use super::rows::{delivery, delivery_id, get};
use super::source::Source;
use crate::delivery::Delivery;
use crate::id::DeliveryId;
use crate::store::{DeliveryQuery, Listed, Page, StoreError};

/// One more item than the rest of the page shows: it tells whether there is another page.
pub(super) fn free(limit: u32, found: usize) -> i64 {
    i64::from(limit) + 1 - i64::try_from(found).unwrap_or(i64::MAX)
}

impl PostgresStore {
    pub(super) async fn find_deliveries(
        &self,
        query: &DeliveryQuery,
        page: Page,
    ) -> Result<Listed<Delivery>, StoreError> {
        if page.limit == 0 {
            return Ok(Listed::default());
        }
        let filter = DeliveryFilter::of(query);
        let source = self.source(query, &filter).await?;
        if let Source::Few(rows) = &source {
            let (found, _) = self.step(&filter, page, (rows, free(page.limit, 0))).await?;
            return Ok(Listed::cut(found, page.limit, |found| found.id, None));
        }
        let (mut found, mut step) = (Vec::new(), page);
        for length in source.steps() {
            let (more, last) =
                self.ordered_step(&filter, &source, step, (length, free(page.limit, found.len()))).await?;
            found.extend(more);
            if last.is_none() || found.len() > page.limit as usize {
                return Ok(Listed::cut(found, page.limit, |found| found.id, None));
            }
            step = step.after(last);
        }
        Ok(Listed::cut(found, page.limit, |found| found.id, step.after))
    }

    /// Examines the next `length` rows of a source. Returns the matches and the last of these rows, or `None` if there are fewer. One
    /// statement returns both, so that both see the same rows.
    async fn ordered_step(
        &self,
        filter: &DeliveryFilter,
        source: &Source,
        page: Page,
        (length, limit): (u32, i64),
    ) -> Result<(Vec<Delivery>, Option<DeliveryId>), StoreError> {
        let (mut values, (_, order)) = (filter.values.clone(), page.direction());
        let rows = format!("{} AND {} ORDER BY d.id {order}", source.rows(), filter.range(page, &mut values));
        let limit = bind(&mut values, limit, Type::INT8);
        let last = format!("SELECT d.id FROM ({rows} LIMIT 1 OFFSET {}) d", length - 1);
        let matches = filter.matches(&format!("{rows} LIMIT {length}"));
        let sql = format!(
            "SELECT found.*, w.last FROM (SELECT ({last}) AS last) w \
             LEFT JOIN ({matches} ORDER BY d.id {order} LIMIT {limit}) found ON TRUE ORDER BY found.id {order}"
        );
        self.read(&sql, &values).await
    }

    /// Reads the matches among few rows.
    async fn step(
        &self,
        filter: &DeliveryFilter,
        page: Page,
        (rows, limit): (&str, i64),
    ) -> Result<(Vec<Delivery>, Option<DeliveryId>), StoreError> {
        let (mut values, (_, order)) = (filter.values.clone(), page.direction());
        // The ids are checked first, because conditions on the last attempt read the log of each row.
        let range = filter.range(page, &mut values);
        let matches = filter.matches(&format!("SELECT * FROM ({rows}) d WHERE {range} OFFSET 0"));
        let limit = bind(&mut values, limit, Type::INT8);
        let sql = format!("{matches} ORDER BY d.id {order} LIMIT {limit}");
        self.read(&sql, &values).await
    }

    async fn read(&self, sql: &str, values: &[Value]) -> Result<(Vec<Delivery>, Option<DeliveryId>), StoreError> {
        let rows = self.query_text(sql, &params(values)).await?;
        read(&rows).map_err(StoreFailure::into_store_error)
    }
}

/// The deliveries, and the last row that was examined. If nothing was found, there is one row, whose other columns are `NULL`.
fn read(rows: &[Row]) -> Result<(Vec<Delivery>, Option<DeliveryId>), StoreFailure> {
    let is_found = |row: &&Row| get::<Option<Uuid>>(row, "id").map_or(true, |id| id.is_some());
    let found = rows.iter().filter(is_found).map(delivery).collect::<Result<_, _>>()?;
    let examined = rows.first().filter(|row| row.columns().iter().any(|column| column.name() == "last"));
    let has_last = |row: &&Row| get::<Option<Uuid>>(row, "last").map_or(true, |id| id.is_some());
    Ok((found, examined.filter(has_last).map(|row| delivery_id(row, "last")).transpose()?))
}
