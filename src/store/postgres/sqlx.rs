//! Calls that are part of the caller's own `sqlx` transaction.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor};

use super::PostgresStore;
use super::dedup_batch::{FINISH, columns, contents};
use super::error::kind_of;
use super::transaction::{STAGE, staging};
use crate::clock::Timestamp;
use crate::event::NewEvent;
use crate::id::EventId;
use crate::store::{DedupLease, FirstResponse, Settled, StoreError, StoreErrorKind};

impl PostgresStore {
    /// Like [`dispatch_in`](Self::dispatch_in), for a connection of `sqlx` with an open transaction; `&mut *transaction` is one.
    ///
    /// # Errors
    /// Returns an error if the tenant's name is invalid or if the server fails.
    pub async fn dispatch_in_sqlx(
        &self,
        connection: &mut PgConnection,
        event: &NewEvent,
    ) -> Result<EventId, StoreError> {
        let staging = staging(event)?;
        let stage = sqlx::query(AssertSqlSafe(self.db.schema.apply(STAGE).into_owned()))
            .bind(staging.event_type)
            .bind(staging.data)
            .bind(staging.tenant)
            .bind(staging.content_type)
            .bind(staging.id.as_str())
            .bind(staging.occurred_at)
            .bind(staging.fifo_key)
            .bind(staging.latest_key)
            .bind(staging.expires_at);
        connection.execute(stage).await.map_err(store_error)?;
        self.notifier.report_write();
        Ok(staging.id)
    }

    /// Like [`finish_in`](Self::finish_in), for a connection of `sqlx` with an open transaction.
    ///
    /// # Errors
    /// Returns an error if the server fails.
    pub async fn finish_in_sqlx(
        &self,
        connection: &mut PgConnection,
        leases: &[DedupLease],
        answer: &FirstResponse,
        expires: Timestamp,
    ) -> Result<Settled, StoreError> {
        let (keys, fences) = columns(leases.iter());
        let (count, (content_type, body)) = (leases.len(), contents(answer));
        let finish = sqlx::query(AssertSqlSafe(self.db.schema.apply(FINISH).into_owned()))
            .bind(keys)
            .bind(fences)
            .bind(vec![i32::from(answer.status); count])
            .bind(vec![expires.as_micros(); count])
            .bind(vec![content_type; count])
            .bind(vec![body; count]);
        let done = connection.execute(finish).await.map_err(store_error)?;
        let finished = usize::try_from(done.rows_affected()).unwrap_or(usize::MAX);
        Ok(if finished < count { Settled::LeaseLost } else { Settled::Done })
    }
}

fn store_error(error: sqlx::Error) -> StoreError {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    StoreError::with_source(code.map_or(StoreErrorKind::Unavailable, |code| kind_of(&code)), error)
}
