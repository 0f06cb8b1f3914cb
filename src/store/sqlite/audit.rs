//! The audit log in SQL.

use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Row, params, params_from_iter};

use super::SqliteStore;
use super::rows::{fence, signed, time};
use super::session::Session;
use crate::clock::Timestamp;
use crate::id::Tenant;
use crate::store::relational::cursor;
use crate::store::{AuditEntry, AuditLog, AuditQuery, Listed, Page, StoreError};

#[async_trait]
impl AuditLog for SqliteStore {
    async fn audit(&self, entry: AuditEntry) -> Result<u64, StoreError> {
        self.write(move |session| insert(session, &entry)).await
    }

    async fn conclude(&self, number: u64, succeeded: bool) -> Result<(), StoreError> {
        let sql = "UPDATE hookwire_audit SET succeeded = ?2 WHERE seq = ?1";
        let update = move |session: &Session<'_>| session.execute(sql, params![signed(number), succeeded]).map(drop);
        self.write(update).await
    }

    async fn audit_log(&self, query: &AuditQuery, page: Page<u64>) -> Result<Listed<AuditEntry, u64>, StoreError> {
        let query = query.clone();
        self.read(move |session| list(session, &query, page)).await
    }

    async fn prune_audit(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let sql = "DELETE FROM hookwire_audit WHERE seq IN (SELECT seq FROM hookwire_audit WHERE at < ?1 \
                   AND seq < (SELECT max(seq) FROM hookwire_audit) ORDER BY at LIMIT ?2)";
        let delete = move |session: &Session<'_>| {
            session.execute(sql, params![before.as_micros(), limit]).map(|deleted| deleted as u64)
        };
        self.write(delete).await
    }
}

fn insert(session: &Session<'_>, entry: &AuditEntry) -> rusqlite::Result<u64> {
    let sql = "INSERT INTO hookwire_audit (at, tenant, actor, by_operator, surface, action, object, detail, succeeded) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) RETURNING seq";
    let values = params![
        entry.at.as_micros(),
        entry.tenant.as_ref().map(Tenant::as_str),
        entry.actor,
        entry.by_operator,
        entry.surface,
        entry.action,
        entry.object,
        entry.detail,
        entry.succeeded
    ];
    session.query_row(sql, values, |row| fence(row, 0))
}

fn list(session: &Session<'_>, query: &AuditQuery, page: Page<u64>) -> rusqlite::Result<Listed<AuditEntry, u64>> {
    let (beyond, order) = page.direction();
    let mut sql = format!(
        "SELECT seq, at, tenant, actor, by_operator, surface, action, object, detail, succeeded \
         FROM hookwire_audit WHERE seq {beyond} ?1"
    );
    // One more than the page shows: it tells whether there is another page.
    let mut values = vec![Value::Integer(cursor(page)), Value::Integer(i64::from(page.limit) + 1)];
    let tenant = query.tenant.as_ref().map(|tenant| tenant.as_str().to_owned());
    for (column, value) in [("tenant", tenant), ("object", query.object.clone().map(String::from))] {
        if let Some(value) = value {
            values.push(Value::Text(value));
            sql.push_str(&format!(" AND {column} = ?{}", values.len()));
        }
    }
    sql.push_str(&format!(" ORDER BY seq {order} LIMIT ?2"));
    let found = session.prepare_cached(&sql)?.query_map(params_from_iter(values), entry)?.collect::<Result<_, _>>()?;
    Ok(Listed::cut(found, page.limit, |entry: &AuditEntry| entry.number, None))
}

fn entry(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        number: fence(row, 0)?,
        at: time(row, 1)?,
        tenant: row.get::<_, Option<String>>(2)?.map(Tenant::from),
        actor: row.get(3)?,
        by_operator: row.get(4)?,
        surface: row.get(5)?,
        action: row.get(6)?,
        object: row.get(7)?,
        detail: row.get(8)?,
        succeeded: row.get(9)?,
    })
}
