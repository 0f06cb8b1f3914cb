//! What is done as part of the caller's own transaction.

use tokio_postgres::Transaction;
use tokio_postgres::types::Type;

use super::PostgresStore;
use super::dedup::{FINISH, columns, contents};
use super::error::Trouble;
use super::rows::{BYTES, INTS, LONGS, TEXTS};
use super::session::{Param, Session};
use super::settle::{Noted, settle_all};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::delivery::Settlement;
use crate::event::NewEvent;
use crate::id::EventId;
use crate::store::relational::Staging;
use crate::store::{Claimant, FirstAnswer, Settled, StoreError, StoreErrorKind};

/// One row, no endpoint read, nobody notified.
pub(super) const STAGE: &str = "INSERT INTO hookwire.outbox (type, data, tenant, content_type, id, occurred_at, fifo_key, latest_key, \
     expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

/// What is written of an event.
pub(super) fn staging(event: &NewEvent) -> Result<Staging<'_>, StoreError> {
    Staging::of(event, SystemClock.now()).map_err(|error| StoreError::with_source(StoreErrorKind::Invalid, error))
}

impl PostgresStore {
    /// Dispatches an event as part of the caller's own transaction, on a connection of the caller's to the same database: the
    /// event and its deliveries exist exactly when that commits.
    ///
    /// The transaction writes one row and reads no endpoint. A running worker finds the row within
    /// [`Config::tend`](crate::worker::Config::tend) of the commit, at once after
    /// [`Sender::wake`](crate::sender::Sender::wake). What only the sender can check, the length of the payload and whether
    /// the caller's id was used before, is checked then; see [the function](crate::store::postgres#from-any-other-client).
    ///
    /// # Errors
    /// When the tenant's name is malformed, and when the server says no.
    pub async fn dispatch_in(&self, transaction: &Transaction<'_>, event: &NewEvent) -> Result<EventId, StoreError> {
        let staging = staging(event)?;
        let params: [Param<'_>; 9] = [
            (&staging.event_type, Type::TEXT),
            (&staging.data, Type::BYTEA),
            (&staging.tenant, Type::TEXT),
            (&staging.content_type, Type::TEXT),
            (&staging.id.as_str(), Type::TEXT),
            (&staging.occurred_at, Type::INT8),
            (&staging.fifo_key, Type::TEXT),
            (&staging.latest_key, Type::TEXT),
            (&staging.expires_at, Type::INT8),
        ];
        self.lend(transaction).query(STAGE, &params).await.map_err(Trouble::into_store_error)?;
        Ok(staging.id)
    }

    /// Records the end of an attempt as part of the caller's own transaction: what a handler of the
    /// [inbox](crate::receiver::inbox) has written and that it is done, become true together. On
    /// [`Settled::LeaseLost`] somebody else has the job: roll back.
    ///
    /// # Errors
    /// When the server says no.
    pub async fn settle_in(
        &self,
        transaction: &Transaction<'_>,
        settlement: &Settlement,
    ) -> Result<Settled, StoreError> {
        let settled =
            settle_all(&self.lend(transaction), &self.vault, &Noted::default(), std::slice::from_ref(settlement)).await;
        Ok(settled.map_err(Trouble::into_store_error)?.first().copied().unwrap_or(Settled::LeaseLost))
    }

    /// Finishes [claims](crate::receiver::Ticket::claimants) on a received event as part of the caller's own transaction, so that
    /// what the handler has written and that the event was handled become true together. On [`Settled::LeaseLost`] somebody
    /// else has it: roll back. After the commit: [`Ticket::finished_elsewhere`](crate::receiver::Ticket::finished_elsewhere).
    ///
    /// # Errors
    /// When the server says no.
    pub async fn finish_in(
        &self,
        transaction: &Transaction<'_>,
        claimants: &[Claimant],
        answer: &FirstAnswer,
        expires: Timestamp,
    ) -> Result<Settled, StoreError> {
        let (keys, fences) = columns(claimants.iter());
        let count = claimants.len();
        let (statuses, expires) = (vec![i32::from(answer.status); count], vec![expires.as_micros(); count]);
        let (content_type, body) = contents(answer);
        let (types, bodies) = (vec![content_type; count], vec![body; count]);
        let params: [Param<'_>; 6] =
            [(&keys, BYTES), (&fences, LONGS), (&statuses, INTS), (&expires, LONGS), (&types, TEXTS), (&bodies, BYTES)];
        let rows = self.lend(transaction).query(FINISH, &params).await.map_err(Trouble::into_store_error)?;
        Ok(if rows.len() < count { Settled::LeaseLost } else { Settled::Done })
    }

    fn lend<'a>(&self, transaction: &'a Transaction<'a>) -> Session<'a> {
        Session::lent(transaction, &self.db)
    }
}
