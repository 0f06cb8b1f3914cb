//! What is done as part of the caller's own transaction, where that is one of `sqlx`.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor};

use super::PostgresStore;
use super::dedup::{FINISH, columns};
use super::error::kind_of;
use super::transaction::STAGE;
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::event::NewEvent;
use crate::id::EventId;
use crate::store::relational::staged_keys;
use crate::store::{Claimant, Settled, StoreError, StoreErrorKind};

impl PostgresStore {
    /// [`dispatch_in`](Self::dispatch_in) for a connection of `sqlx`, with a transaction begun on it; `&mut *transaction` is one.
    ///
    /// # Errors
    /// When the tenant's name is malformed, and when the server says no.
    pub async fn dispatch_in_sqlx(
        &self,
        connection: &mut PgConnection,
        event: &NewEvent,
    ) -> Result<EventId, StoreError> {
        let parts = event.parts();
        parts.tenant.check().map_err(|error| StoreError::with_source(StoreErrorKind::Invalid, error))?;
        let id = parts.id.cloned().unwrap_or_else(|| EventId::generate(SystemClock.now()));
        let (fifo, latest) = staged_keys(&parts);
        let stage = sqlx::query(AssertSqlSafe(self.db.schema.apply(STAGE).into_owned()))
            .bind(parts.event_type.as_str())
            .bind(parts.data)
            .bind(parts.tenant.as_str())
            .bind((!parts.enveloped).then_some(parts.content_type))
            .bind(id.as_str())
            .bind(parts.occurred_at.map(Timestamp::as_micros))
            .bind(fifo)
            .bind(latest)
            .bind(parts.expires_at.map(Timestamp::as_micros));
        connection.execute(stage).await.map_err(store_error)?;
        Ok(id)
    }

    /// [`finish_in`](Self::finish_in) for a connection of `sqlx`, with a transaction begun on it.
    ///
    /// # Errors
    /// When the server says no.
    pub async fn finish_in_sqlx(
        &self,
        connection: &mut PgConnection,
        claimant: &Claimant,
        status: u16,
        expires: Timestamp,
    ) -> Result<Settled, StoreError> {
        let (keys, fences) = columns(std::iter::once(claimant));
        let finish = sqlx::query(AssertSqlSafe(self.db.schema.apply(FINISH).into_owned()))
            .bind(keys)
            .bind(fences)
            .bind(vec![i32::from(status)])
            .bind(vec![expires.as_micros()]);
        let done = connection.execute(finish).await.map_err(store_error)?;
        Ok(if done.rows_affected() == 0 { Settled::LeaseLost } else { Settled::Done })
    }
}

fn store_error(error: sqlx::Error) -> StoreError {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    StoreError::with_source(code.map_or(StoreErrorKind::Unavailable, |code| kind_of(&code)), error)
}
