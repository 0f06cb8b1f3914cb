//! Which of several stores has a tenant, in SQL.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Row, params};

use super::SqliteStore;
use super::rows::{fence, unreadable};
use super::session::Session;
use crate::id::Tenant;
use crate::store::sql::{former_column, restore_former, signed};
use crate::store::{Placement, Placements, StoreError};

const COLUMNS: &str = "shard, moving_to, frozen, former, version, tenant";

const STORE: &str = "INSERT INTO hookwire_placement AS p (tenant, version, shard, moving_to, frozen, former) \
     SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE ?2 = 1 OR EXISTS (SELECT 1 FROM hookwire_placement WHERE tenant = ?1) \
     ON CONFLICT (tenant) DO UPDATE SET version = excluded.version, shard = excluded.shard, moving_to = excluded.moving_to, \
     frozen = excluded.frozen, former = excluded.former \
     WHERE p.version = excluded.version - 1";

#[async_trait]
impl Placements for SqliteStore {
    async fn placement(&self, tenant: &Tenant) -> Result<Option<Placement>, StoreError> {
        let tenant = tenant.clone();
        let find = move |session: &Session<'_>| {
            let sql = format!("SELECT {COLUMNS} FROM hookwire_placement WHERE tenant = ?1");
            session.prepare_cached(&sql)?.query_row([tenant.as_str()], placement).optional()
        };
        self.read(find).await
    }

    async fn place(&self, tenant: &Tenant, placement: &Placement) -> Result<bool, StoreError> {
        let (tenant, placement) = (tenant.clone(), placement.clone());
        let store = move |session: &Session<'_>| {
            let values = params![
                tenant.as_str(),
                signed(placement.version),
                &*placement.shard,
                placement.moving_to.as_deref(),
                placement.is_frozen,
                former_column(&placement)
            ];
            session.execute(STORE, values).map(|stored| stored == 1)
        };
        self.write(store).await
    }

    async fn moving(&self, after: Option<&Tenant>, limit: u32) -> Result<Vec<(Tenant, Placement)>, StoreError> {
        let after = after.cloned();
        let find = move |session: &Session<'_>| {
            let sql = format!(
                "SELECT {COLUMNS} FROM hookwire_placement WHERE moving_to IS NOT NULL AND (?1 IS NULL OR tenant > ?1) \
                 ORDER BY tenant LIMIT ?2"
            );
            let read = |row: &Row<'_>| Ok((Tenant::from(row.get::<_, String>(5)?), placement(row)?));
            let after = after.as_ref().map(Tenant::as_str);
            session.prepare_cached(&sql)?.query_map(params![after, limit], read)?.collect()
        };
        self.read(find).await
    }
}

fn placement(row: &Row<'_>) -> rusqlite::Result<Placement> {
    let text = |column: usize| row.get::<_, Option<Arc<str>>>(column);
    let mut placement = Placement::new(row.get::<_, Arc<str>>(0)?);
    placement.moving_to = text(1)?;
    placement.is_frozen = row.get(2)?;
    placement.former = restore_former(&row.get::<_, String>(3)?).map_err(|error| unreadable(3, error))?;
    placement.version = fence(row, 4)?;
    Ok(placement)
}
