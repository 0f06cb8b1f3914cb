//! Asking the server for the time.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::error::StoreFailure;
use super::rows::time;
use super::session::Db;
use crate::store::sql::DatabaseClock;
use crate::store::{StoreError, StoreErrorKind};

/// How often this machine's clock is compared with the server's clock.
const INTERVAL: Duration = Duration::from_secs(30);

/// Reads the server's time.
pub(super) async fn adjust(clock: &DatabaseClock, db: &Db) -> Result<(), StoreError> {
    let ask = async {
        let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now";
        let rows = db.query(sql, &[]).await?;
        let row = rows.first().ok_or_else(|| StoreError::new(StoreErrorKind::Corrupt))?;
        time(row, "now").map_err(StoreFailure::into_store_error)
    };
    clock.adjust(ask).await
}

/// Reads the server's time again and again, until `ended`.
pub(super) fn keep_adjusting(clock: DatabaseClock, db: Db, ended: CancellationToken) {
    tokio::spawn(ended.run_until_cancelled_owned(async move {
        loop {
            tokio::time::sleep(INTERVAL).await;
            if let Err(error) = adjust(&clock, &db).await {
                tracing::debug!(%error, "PostgreSQL: the server's time was not read; the clock continues from the last reading");
            }
        }
    }));
}
