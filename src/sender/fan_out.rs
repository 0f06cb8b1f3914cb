//! Accepts an event, and finds the endpoints that it matches.

use std::sync::Arc;

use super::directory::CachedDirectory;
use super::error::DispatchError;
use super::quotas::Quotas;
use crate::clock::{Clock, Timestamp};
use crate::delivery::NewDelivery;
use crate::endpoint::Endpoint;
use crate::event::{Audience, Event, EventTypes, NewEvent};
use crate::store::{Append, StoreError};

/// Accepts events and finds the endpoints that they match.
#[derive(Clone, Debug)]
pub(super) struct FanOut {
    pub(super) directory: Arc<CachedDirectory>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) quotas: Quotas,
    pub(super) types: Option<Arc<dyn EventTypes>>,
}

impl FanOut {
    /// Checks an event and makes it immutable.
    pub(super) fn accept(&self, event: NewEvent, now: Timestamp) -> Result<Arc<Event>, DispatchError> {
        if let (Some(types), Some(data)) = (&self.types, event.data()) {
            types.check(event.event_type(), data).map_err(DispatchError::SchemaViolation)?;
        }
        let event = event.seal(now);
        if event.audience == Audience::Inbox {
            return Err(DispatchError::Received);
        }
        event.tenant.check().map_err(DispatchError::Tenant)?;
        if !event.occurred_at.fits_rfc_3339() {
            return Err(DispatchError::OccurredAt);
        }
        let (bytes, limit) = (event.payload.len(), self.quotas.payload_bytes);
        if bytes > limit { Err(DispatchError::PayloadTooLong { bytes, limit }) } else { Ok(Arc::new(event)) }
    }

    /// Returns the event with a delivery, due at once, for each matching endpoint.
    pub(super) async fn append(&self, event: Arc<Event>, now: Timestamp) -> Result<Append, StoreError> {
        let endpoints = self.directory.of_tenant(&event.tenant).await?;
        let wants = |endpoint: &&Arc<Endpoint>| endpoint.wants(&event.tenant, &event.event_type);
        let owe = |endpoint: &Arc<Endpoint>| NewDelivery::new(endpoint.id, now);
        let deliveries = endpoints.iter().filter(wants).map(owe).collect();
        Ok(Append { event, deliveries, now })
    }
}
