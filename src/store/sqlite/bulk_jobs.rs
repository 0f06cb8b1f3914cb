//! Bulk jobs in SQL.

use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, params, params_from_iter};

use super::SqliteStore;
use super::rows::{fence, is_unreadable, signed};
use super::session::Session;
use crate::clock::Timestamp;
use crate::id::Tenant;
use crate::store::relational::cursor;
use crate::store::{BulkJob, BulkJobs, FINISHED_JOBS_KEPT, Listed, Page, StoreError};

const OPEN: &str = "SELECT count(*) FROM hookwire_job WHERE tenant IS ?1 AND wake_at IS NOT NULL";

const MAKE_ROOM: &str = "DELETE FROM hookwire_job WHERE tenant IS ?1 AND wake_at IS NULL AND number <= \
     (SELECT number FROM hookwire_job WHERE tenant IS ?1 AND wake_at IS NULL ORDER BY number DESC LIMIT 1 OFFSET ?2)";

const INSERT: &str =
    "INSERT INTO hookwire_job (tenant, wake_at, version, content) VALUES (?1, ?2, ?3, ?4) RETURNING number";

const UPDATE: &str = "UPDATE hookwire_job SET version = ?2, wake_at = ?3, content = ?4 \
     WHERE number = ?1 AND version = ?2 - 1";

const FIND: &str = "SELECT number, tenant, wake_at, version, content FROM hookwire_job WHERE number = ?1";

// Without a limit, because unreadable rows do not count. Rows are read one by one, up to the limit of the call.
const DUE: &str = "SELECT number, tenant, wake_at, version, content FROM hookwire_job WHERE wake_at <= ?1 \
     ORDER BY wake_at, number";

#[async_trait]
impl BulkJobs for SqliteStore {
    async fn add_job(&self, job: BulkJob, most_open: u32) -> Result<Option<u64>, StoreError> {
        self.write(move |session| add(session, &job, most_open)).await
    }

    async fn update_job(&self, job: &BulkJob) -> Result<bool, StoreError> {
        let job = job.clone();
        let update = move |session: &Session<'_>| {
            let values = params![signed(job.number), signed(job.version), wake_at(&job), job.content];
            session.execute(UPDATE, values).map(|updated| updated == 1)
        };
        self.write(update).await
    }

    async fn job(&self, number: u64) -> Result<Option<BulkJob>, StoreError> {
        self.read(move |session| session.query_row(FIND, [signed(number)], job).optional()).await
    }

    async fn jobs(&self, tenant: Option<&Tenant>, page: Page<u64>) -> Result<Listed<BulkJob, u64>, StoreError> {
        let tenant = tenant.cloned();
        self.read(move |session| list(session, tenant.as_ref(), page)).await
    }

    async fn due_jobs(&self, now: Timestamp, limit: u32) -> Result<Vec<BulkJob>, StoreError> {
        self.read(move |session| due(session, now, limit)).await
    }
}

fn add(session: &Session<'_>, job: &BulkJob, most_open: u32) -> rusqlite::Result<Option<u64>> {
    let owner = job.tenant.as_ref().map(Tenant::as_str);
    let open: i64 = session.query_row(OPEN, [owner], |row| row.get(0))?;
    if open >= i64::from(most_open) {
        return Ok(None);
    }
    session.execute(MAKE_ROOM, params![owner, FINISHED_JOBS_KEPT])?;
    let values = params![owner, wake_at(job), signed(job.version), job.content];
    session.query_row(INSERT, values, |row| fence(row, 0)).map(Some)
}

fn list(session: &Session<'_>, tenant: Option<&Tenant>, page: Page<u64>) -> rusqlite::Result<Listed<BulkJob, u64>> {
    let (beyond, order) = page.direction();
    // One more than the page shows: it tells whether there is another page.
    let mut values = vec![Value::Integer(cursor(page)), Value::Integer(i64::from(page.limit) + 1)];
    let of_tenant = tenant.map_or("", |tenant| {
        values.push(Value::Text(tenant.as_str().to_owned()));
        "AND tenant = ?3"
    });
    let sql = format!(
        "SELECT number, tenant, wake_at, version, content FROM hookwire_job WHERE number {beyond} ?1 {of_tenant} \
         ORDER BY number {order} LIMIT ?2"
    );
    let found = session.prepare_cached(&sql)?.query_map(params_from_iter(values), job)?.collect::<Result<_, _>>()?;
    Ok(Listed::cut(found, page.limit, |job: &BulkJob| job.number, None))
}

/// Lists due jobs. An unreadable one is left out, so that it does not stop the jobs of other owners.
fn due(session: &Session<'_>, now: Timestamp, limit: u32) -> rusqlite::Result<Vec<BulkJob>> {
    let read = |row: &Row<'_>| match job(row) {
        Err(error) if is_unreadable(&error) => {
            tracing::error!(job = row.get::<_, i64>(0)?, reason = %error, "a bulk job is unreadable; it does not run until its row is repaired");
            Ok(None)
        }
        done => done.map(Some),
    };
    session.with(DUE, |statement| {
        let readable = statement.query_map([now.as_micros()], read)?.filter_map(Result::transpose);
        readable.take(limit as usize).collect()
    })
}

fn wake_at(job: &BulkJob) -> Option<i64> {
    job.wake_at.map(Timestamp::as_micros)
}

fn job(row: &Row<'_>) -> rusqlite::Result<BulkJob> {
    Ok(BulkJob {
        number: fence(row, 0)?,
        tenant: row.get::<_, Option<String>>(1)?.map(Tenant::from),
        wake_at: row.get::<_, Option<i64>>(2)?.map(Timestamp::from_micros),
        version: fence(row, 3)?,
        content: row.get(4)?,
    })
}
