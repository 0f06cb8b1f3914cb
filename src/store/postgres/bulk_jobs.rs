//! Bulk jobs.

use async_trait::async_trait;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::PostgresStore;
use super::error::StoreFailure;
use super::filter::{bind, params};
use super::rows::{fence, get, signed};
use super::session::{Operation, Param, Session};
use crate::clock::Timestamp;
use crate::id::Tenant;
use crate::store::relational::cursor;
use crate::store::{BulkJob, BulkJobs, FINISHED_JOBS_KEPT, Listed, Page, StoreError};

const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1 || $2, $3))";

/// The seeds of the two kinds of locks: no tenant's name leads to the lock of operators.
const TENANT_SEED: i64 = 3;
const OPERATORS_SEED: i64 = 4;

/// A statement for the jobs of a tenant and the same for those of operators. One statement for both could not use the index.
struct ByOwner {
    tenant: &'static str,
    operators: &'static str,
}

macro_rules! open {
    ($owner:literal) => {
        concat!("SELECT count(*) AS open FROM hookwire.job WHERE wake_at IS NOT NULL AND ", $owner)
    };
}

const OPEN: ByOwner = ByOwner { tenant: open!("tenant = $1"), operators: open!("tenant IS NULL") };

macro_rules! make_room {
    ($owner:literal, $kept:literal) => {
        concat!(
            "DELETE FROM hookwire.job WHERE wake_at IS NULL AND ",
            $owner,
            " AND number <= (SELECT number FROM hookwire.job WHERE wake_at IS NULL AND ",
            $owner,
            " ORDER BY number DESC LIMIT 1 OFFSET ",
            $kept,
            ")"
        )
    };
}

const MAKE_ROOM: ByOwner =
    ByOwner { tenant: make_room!("tenant = $1", "$2"), operators: make_room!("tenant IS NULL", "$1") };

const INSERT: &str =
    "INSERT INTO hookwire.job (tenant, wake_at, version, content) VALUES ($1, $2, $3, $4) RETURNING number";

const UPDATE: &str = "UPDATE hookwire.job SET version = $2, wake_at = $3, content = $4 \
     WHERE number = $1 AND version = $2 - 1 RETURNING 1 AS updated";

const FIND: &str = "SELECT * FROM hookwire.job WHERE number = $1";

const DUE: &str = "SELECT * FROM hookwire.job WHERE wake_at <= $1 ORDER BY wake_at, number LIMIT $2";

#[async_trait]
impl BulkJobs for PostgresStore {
    async fn add_job(&self, job: BulkJob, most_open: u32) -> Result<Option<u64>, StoreError> {
        self.db.transact(Adding { job, most_open }).await
    }

    async fn update_job(&self, job: &BulkJob) -> Result<bool, StoreError> {
        let values: [Param<'_>; 4] = [
            (&signed(job.number), Type::INT8),
            (&signed(job.version), Type::INT8),
            (&wake_at(job), Type::INT8),
            (&job.content, Type::TEXT),
        ];
        Ok(!self.db.query(UPDATE, &values).await?.is_empty())
    }

    async fn job(&self, number: u64) -> Result<Option<BulkJob>, StoreError> {
        let rows = self.db.query(FIND, &[(&signed(number), Type::INT8)]).await?;
        rows.first().map(job).transpose().map_err(StoreFailure::into_store_error)
    }

    async fn jobs(&self, tenant: Option<&Tenant>, page: Page<u64>) -> Result<Listed<BulkJob, u64>, StoreError> {
        let (beyond, order) = page.direction();
        let mut values = Vec::new();
        let after = bind(&mut values, cursor(page), Type::INT8);
        let mut sql = format!("SELECT * FROM hookwire.job WHERE number {beyond} {after}");
        if let Some(tenant) = tenant {
            let tenant = bind(&mut values, tenant.as_str().to_owned(), Type::TEXT);
            sql.push_str(&format!(" AND tenant = {tenant}"));
        }
        // One more than the page shows: it tells whether there is another page.
        let limit = bind(&mut values, i64::from(page.limit) + 1, Type::INT8);
        sql.push_str(&format!(" ORDER BY number {order} LIMIT {limit}"));
        let rows = self.query_text(&sql, &params(&values)).await?;
        let found = rows.iter().map(job).collect::<Result<_, _>>().map_err(StoreFailure::into_store_error)?;
        Ok(Listed::cut(found, page.limit, |job: &BulkJob| job.number, None))
    }

    async fn due_jobs(&self, now: Timestamp, limit: u32) -> Result<Vec<BulkJob>, StoreError> {
        let values: [Param<'_>; 2] = [(&now.as_micros(), Type::INT8), (&i64::from(limit), Type::INT8)];
        let rows = self.db.query(DUE, &values).await?;
        rows.iter().map(job).collect::<Result<_, _>>().map_err(StoreFailure::into_store_error)
    }
}

fn wake_at(job: &BulkJob) -> Option<i64> {
    job.wake_at.map(Timestamp::as_micros)
}

/// Reads a job. Every row is readable: the types and checks of the table's columns admit no other values.
fn job(row: &Row) -> Result<BulkJob, StoreFailure> {
    Ok(BulkJob {
        number: fence(row, "number")?,
        tenant: get::<Option<&str>>(row, "tenant")?.map(Tenant::from),
        wake_at: get::<Option<i64>>(row, "wake_at")?.map(Timestamp::from_micros),
        version: fence(row, "version")?,
        content: get::<String>(row, "content")?.into_boxed_str(),
    })
}

struct Adding {
    job: BulkJob,
    most_open: u32,
}

impl Operation for Adding {
    type Answer = Option<u64>;

    async fn run(&self, session: &Session<'_>) -> Result<Option<u64>, StoreFailure> {
        let Self { job, most_open } = self;
        let owner = job.tenant.as_ref().map(Tenant::as_str);
        if open_of(session, owner).await? >= i64::from(*most_open) {
            return Ok(None);
        }
        make_room(session, owner).await?;
        let values: [Param<'_>; 4] = [
            (&owner, Type::TEXT),
            (&wake_at(job), Type::INT8),
            (&signed(job.version), Type::INT8),
            (&job.content, Type::TEXT),
        ];
        session.query(INSERT, &values).await?.first().map(|row| fence(row, "number")).transpose()
    }
}

/// The number of unfinished jobs of an owner. No other transaction adds a job of this owner before this one ends.
async fn open_of(session: &Session<'_>, owner: Option<&str>) -> Result<i64, StoreFailure> {
    let (name, seed) = owner.map_or(("", OPERATORS_SEED), |tenant| (tenant, TENANT_SEED));
    session.query(LOCK, &[(&session.lock_name(), Type::TEXT), (&name, Type::TEXT), (&seed, Type::INT8)]).await?;
    let rows = match owner {
        Some(tenant) => session.query(OPEN.tenant, &[(&tenant, Type::TEXT)]).await?,
        None => session.query(OPEN.operators, &[]).await?,
    };
    rows.first().map_or(Ok(0), |row| get(row, "open"))
}

async fn make_room(session: &Session<'_>, owner: Option<&str>) -> Result<(), StoreFailure> {
    let kept: Param<'_> = (&i64::from(FINISHED_JOBS_KEPT), Type::INT8);
    match owner {
        Some(tenant) => session.query(MAKE_ROOM.tenant, &[(&tenant, Type::TEXT), kept]).await,
        None => session.query(MAKE_ROOM.operators, &[kept]).await,
    }
    .map(drop)
}
