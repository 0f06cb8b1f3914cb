//! Endpoints as rows.

use std::sync::Arc;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::error::StoreFailure;
use super::rows::{endpoint_id, fence, get, health, signed, tenant, uuid_of_endpoint};
use super::session::{Param, Session};
use crate::endpoint::{Endpoint, EndpointRecord};
use crate::id::EndpointId;
use crate::secret::KeyProvider;
use crate::store::sql::{DISABLED, ENABLED};

/// The provider that seals secrets; with `None` they are stored in the clear.
pub(super) type KeySealer = Option<Arc<dyn KeyProvider>>;

/// An endpoint with its health.
macro_rules! endpoints {
    ($rest:literal) => {
        concat!(
            "SELECT n.id, n.tenant, n.version, n.record, h.failing_since, h.last_failure, h.failures, h.last_success, \
             h.paused_until FROM hookwire.endpoint n LEFT JOIN hookwire.health h ON h.endpoint = n.id ",
            $rest
        )
    };
}
pub(super) use endpoints;

pub(super) fn endpoint(row: &Row, sealer: &KeySealer) -> Result<Arc<Endpoint>, StoreFailure> {
    let id = endpoint_id(row, "id")?;
    let record: EndpointRecord = serde_json::from_str(get(row, "record")?).map_err(StoreFailure::unreadable)?;
    let record = record.open(sealer.as_deref(), id).map_err(StoreFailure::unreadable)?;
    let restored = record.restore(id, tenant(row, "tenant")?, fence(row, "version")?);
    let mut endpoint = restored.map_err(StoreFailure::unreadable)?;
    endpoint.health = health(row)?;
    Ok(Arc::new(endpoint))
}

/// Finds a live endpoint. With `kept`, no other transaction changes it before this one ends.
pub(super) async fn find_endpoint(
    session: &Session<'_>,
    sealer: &KeySealer,
    id: EndpointId,
    kept: bool,
) -> Result<Option<Arc<Endpoint>>, StoreFailure> {
    let sql = if kept {
        endpoints!("WHERE n.id = $1 AND n.state < 2 FOR UPDATE OF n")
    } else {
        endpoints!("WHERE n.id = $1 AND n.state < 2")
    };
    let rows = session.query(sql, &[(&uuid_of_endpoint(id), Type::UUID)]).await?;
    rows.first().map(|row| endpoint(row, sealer)).transpose()
}

const WRITE: &str = "INSERT INTO hookwire.endpoint (id, tenant, version, state, record) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (id) DO UPDATE SET tenant = excluded.tenant, version = excluded.version, state = excluded.state, \
     record = excluded.record";

/// Writes an endpoint over the stored one.
pub(super) async fn write_endpoint(
    session: &Session<'_>,
    sealer: &KeySealer,
    endpoint: &Endpoint,
) -> Result<(), StoreFailure> {
    let mut record = EndpointRecord::new(endpoint);
    if let Some(provider) = sealer {
        record = record.seal(&**provider, endpoint.id).map_err(StoreFailure::unreadable)?;
    }
    let record = serde_json::to_string(&record).map_err(StoreFailure::unreadable)?;
    let state = if endpoint.is_enabled() { ENABLED } else { DISABLED };
    let params: [Param<'_>; 5] = [
        (&uuid_of_endpoint(endpoint.id), Type::UUID),
        (&endpoint.tenant.as_str(), Type::TEXT),
        (&signed(endpoint.version), Type::INT8),
        (&state, Type::INT2),
        (&record, Type::TEXT),
    ];
    session.query(WRITE, &params).await.map(drop)
}
