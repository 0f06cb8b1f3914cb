//! Which of several stores has a tenant.

use std::sync::Arc;

use async_trait::async_trait;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::PostgresStore;
use super::error::StoreFailure;
use super::rows::{fence, get, signed};
use super::session::Param;
use crate::id::Tenant;
use crate::store::sql::{former_column, restore_former};
use crate::store::{Placement, Placements, StoreError};

const FIND: &str = "SELECT * FROM hookwire.placement WHERE tenant = $1";

const STORE: &str = "INSERT INTO hookwire.placement AS p (tenant, version, shard, moving_to, frozen, former) \
     SELECT $1, $2, $3, $4, $5, $6 WHERE $2 = 1 OR EXISTS (SELECT 1 FROM hookwire.placement WHERE tenant = $1) \
     ON CONFLICT (tenant) DO UPDATE SET version = excluded.version, shard = excluded.shard, moving_to = excluded.moving_to, \
     frozen = excluded.frozen, former = excluded.former \
     WHERE p.version = excluded.version - 1 RETURNING 1 AS stored";

const MOVING: &str = "SELECT * FROM hookwire.placement WHERE moving_to IS NOT NULL AND ($1::text IS NULL OR tenant > $1) ORDER BY tenant LIMIT $2";

#[async_trait]
impl Placements for PostgresStore {
    async fn placement(&self, tenant: &Tenant) -> Result<Option<Placement>, StoreError> {
        let rows = self.db.query(FIND, &[(&tenant.as_str(), Type::TEXT)]).await?;
        rows.first().map(placement).transpose().map_err(StoreFailure::into_store_error)
    }

    async fn place(&self, tenant: &Tenant, placement: &Placement) -> Result<bool, StoreError> {
        let former = former_column(placement);
        let values: [Param<'_>; 6] = [
            (&tenant.as_str(), Type::TEXT),
            (&signed(placement.version), Type::INT8),
            (&&*placement.shard, Type::TEXT),
            (&placement.moving_to.as_deref(), Type::TEXT),
            (&placement.is_frozen, Type::BOOL),
            (&former, Type::TEXT),
        ];
        Ok(!self.db.query(STORE, &values).await?.is_empty())
    }

    async fn moving(&self, after: Option<&Tenant>, limit: u32) -> Result<Vec<(Tenant, Placement)>, StoreError> {
        let values: [Param<'_>; 2] = [(&after.map(Tenant::as_str), Type::TEXT), (&i64::from(limit), Type::INT8)];
        let rows = self.db.query(MOVING, &values).await?;
        let read = |row| Ok((Tenant::from(get::<String>(row, "tenant")?), placement(row)?));
        rows.iter().map(read).collect::<Result<_, _>>().map_err(StoreFailure::into_store_error)
    }
}

fn placement(row: &Row) -> Result<Placement, StoreFailure> {
    let text = |column| get::<Option<String>>(row, column).map(|text| text.map(Arc::from));
    let mut placement = Placement::new(get::<String>(row, "shard")?);
    placement.moving_to = text("moving_to")?;
    placement.is_frozen = get(row, "frozen")?;
    placement.former = restore_former(get(row, "former")?).map_err(StoreFailure::unreadable)?;
    placement.version = fence(row, "version")?;
    Ok(placement)
}
