//! The audit log.

use async_trait::async_trait;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::PostgresStore;
use super::error::StoreFailure;
use super::filter::{bind, params};
use super::rows::{fence, get, signed, time};
use super::session::Param;
use crate::clock::Timestamp;
use crate::id::Tenant;
use crate::store::relational::cursor;
use crate::store::{AuditEntry, AuditLog, AuditQuery, Listed, Page, StoreError};

const INSERT: &str = "INSERT INTO hookwire.audit (at, tenant, actor, by_operator, surface, action, object, detail, succeeded) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING seq";

const CONCLUDE: &str = "UPDATE hookwire.audit SET succeeded = $2 WHERE seq = $1";

const PRUNE: &str = "DELETE FROM hookwire.audit WHERE seq IN \
     (SELECT seq FROM hookwire.audit WHERE at < $1 ORDER BY at LIMIT $2) RETURNING 1 AS gone";

#[async_trait]
impl AuditLog for PostgresStore {
    async fn audit(&self, entry: AuditEntry) -> Result<u64, StoreError> {
        let values: [Param<'_>; 9] = [
            (&entry.at.as_micros(), Type::INT8),
            (&entry.tenant.as_ref().map(Tenant::as_str), Type::TEXT),
            (&entry.actor, Type::TEXT),
            (&entry.by_operator, Type::BOOL),
            (&entry.surface, Type::TEXT),
            (&entry.action, Type::TEXT),
            (&entry.object, Type::TEXT),
            (&entry.detail, Type::TEXT),
            (&entry.succeeded, Type::BOOL),
        ];
        let rows = self.db.query(INSERT, &values).await?;
        rows.first().map_or(Ok(0), |row| fence(row, "seq")).map_err(StoreFailure::into_store_error)
    }

    async fn conclude(&self, number: u64, succeeded: bool) -> Result<(), StoreError> {
        self.db.query(CONCLUDE, &[(&signed(number), Type::INT8), (&succeeded, Type::BOOL)]).await.map(drop)
    }

    async fn audit_log(&self, query: &AuditQuery, page: Page<u64>) -> Result<Listed<AuditEntry, u64>, StoreError> {
        let (beyond, order) = page.direction();
        let mut values = Vec::new();
        let after = bind(&mut values, cursor(page), Type::INT8);
        let mut sql = format!("SELECT * FROM hookwire.audit WHERE seq {beyond} {after}");
        let tenant = query.tenant.as_ref().map(|tenant| tenant.as_str().to_owned());
        for (column, value) in [("tenant", tenant), ("object", query.object.clone().map(String::from))] {
            if let Some(value) = value {
                sql.push_str(&format!(" AND {column} = {}", bind(&mut values, value, Type::TEXT)));
            }
        }
        // One more than the page shows: it tells whether there is another page.
        let limit = bind(&mut values, i64::from(page.limit) + 1, Type::INT8);
        sql.push_str(&format!(" ORDER BY seq {order} LIMIT {limit}"));
        let rows = self.query_text(&sql, &params(&values)).await?;
        let found = rows.iter().map(entry).collect::<Result<_, _>>().map_err(StoreFailure::into_store_error)?;
        Ok(Listed::cut(found, page.limit, |entry: &AuditEntry| entry.number, None))
    }

    async fn prune_audit(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let values: [Param<'_>; 2] = [(&before.as_micros(), Type::INT8), (&i64::from(limit), Type::INT8)];
        Ok(self.db.query(PRUNE, &values).await?.len() as u64)
    }
}

fn entry(row: &Row) -> Result<AuditEntry, StoreFailure> {
    let text = |column| get::<String>(row, column).map(String::into_boxed_str);
    Ok(AuditEntry {
        number: fence(row, "seq")?,
        at: time(row, "at")?,
        tenant: get::<Option<&str>>(row, "tenant")?.map(Tenant::from),
        actor: text("actor")?,
        by_operator: get(row, "by_operator")?,
        surface: text("surface")?,
        action: text("action")?,
        object: text("object")?,
        detail: text("detail")?,
        succeeded: get(row, "succeeded")?,
    })
}
