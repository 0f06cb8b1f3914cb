//! Calls that are part of the caller's own transaction.

use tokio_postgres::Transaction;
use tokio_postgres::types::Type;

use super::PostgresStore;
use super::dedup_batch::{FINISH, columns, contents};
use super::error::StoreFailure;
use super::rows::{BYTES, INTS, LONGS, TEXTS};
use super::session::{Param, Session};
use super::settle::{HealthCache, settle_all};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::delivery::Settlement;
use crate::event::NewEvent;
use crate::id::EventId;
use crate::store::sql::NewOutboxRow;
use crate::store::{DedupLease, FirstResponse, Settled, StoreError, StoreErrorKind};

/// Inserts one row, reads no endpoint, and sends no notification.
pub(super) const STAGE: &str = "INSERT INTO hookwire.outbox (type, data, tenant, content_type, id, occurred_at, fifo_key, latest_key, \
     expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

/// The columns of an event.
pub(super) fn staging(event: &NewEvent) -> Result<NewOutboxRow<'_>, StoreError> {
    NewOutboxRow::of(event, SystemClock.now()).map_err(|error| StoreError::with_source(StoreErrorKind::Invalid, error))
}

impl PostgresStore {
    /// Dispatches an event as part of the caller's own transaction, on the caller's connection to the same database: the event and its
    /// deliveries exist if and only if this transaction commits.
    ///
    /// The transaction writes one row and reads no endpoint. Workers look for it often from
    /// now on: after [`Config::outbox_poll`](crate::worker::Config::outbox_poll) at first, and later after an eighth of the time since this
    /// call. After [`Sender::wake`](crate::sender::Sender::wake) the worker of this sender looks at once. Some errors are found only then, because only the sender can check the length of the
    /// payload and whether another event has the caller's id; see [the function](crate::store::PostgresStore#from-any-other-client).
    ///
    /// # Errors
    /// Returns an error if the tenant's name is invalid or if the server fails.
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
        self.caller_session(transaction).query(STAGE, &params).await.map_err(StoreFailure::into_store_error)?;
        self.notifier.report_write();
        Ok(staging.id)
    }

    /// Records the end of an attempt as part of the caller's own transaction: the changes of an [inbox](crate::receiver::inbox) handler and
    /// the record that its job is done are committed together. On [`Settled::LeaseLost`] another worker has the job: roll back.
    ///
    /// # Errors
    /// Returns an error if the server fails.
    pub async fn settle_in(
        &self,
        transaction: &Transaction<'_>,
        settlement: &Settlement,
    ) -> Result<Settled, StoreError> {
        let settled = settle_all(
            &self.caller_session(transaction),
            &self.sealer,
            &HealthCache::default(),
            std::slice::from_ref(settlement),
        )
        .await;
        Ok(settled.map_err(StoreFailure::into_store_error)?.first().copied().unwrap_or(Settled::LeaseLost))
    }

    /// Finishes the [leases](crate::receiver::DedupGuard::leases) on a received event as part of the caller's own transaction: the changes
    /// of the handler and the record that the event was handled are committed together. On [`Settled::LeaseLost`] another request handles
    /// the event: roll back. After the commit, call [`DedupGuard::finished_elsewhere`](crate::receiver::DedupGuard::finished_elsewhere).
    ///
    /// # Errors
    /// Returns an error if the server fails.
    pub async fn finish_in(
        &self,
        transaction: &Transaction<'_>,
        leases: &[DedupLease],
        answer: &FirstResponse,
        expires: Timestamp,
    ) -> Result<Settled, StoreError> {
        let (keys, fences) = columns(leases.iter());
        let count = leases.len();
        let (statuses, expires) = (vec![i32::from(answer.status); count], vec![expires.as_micros(); count]);
        let (content_type, body) = contents(answer);
        let (types, bodies) = (vec![content_type; count], vec![body; count]);
        let params: [Param<'_>; 6] =
            [(&keys, BYTES), (&fences, LONGS), (&statuses, INTS), (&expires, LONGS), (&types, TEXTS), (&bodies, BYTES)];
        let rows =
            self.caller_session(transaction).query(FINISH, &params).await.map_err(StoreFailure::into_store_error)?;
        Ok(if rows.len() < count { Settled::LeaseLost } else { Settled::Done })
    }

    fn caller_session<'a>(&self, transaction: &'a Transaction<'a>) -> Session<'a> {
        Session::for_caller(transaction, &self.db)
    }
}
