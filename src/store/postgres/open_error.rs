//! What an error of PostgreSQL means for opening a store.

use deadpool_postgres::PoolError;

use crate::store::OpenError;

impl From<PoolError> for OpenError {
    fn from(error: PoolError) -> Self {
        Self::Connect(error.into())
    }
}

impl From<tokio_postgres::Error> for OpenError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}
