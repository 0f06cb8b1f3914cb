//! Accepts an event, and finds the endpoints that it matches.

use std::sync::Arc;

use super::directory::CachedDirectory;
use super::error::DispatchError;
use super::quotas::Quotas;
use crate::clock::{Clock, Timestamp};
use crate::delivery::NewDelivery;
use crate::endpoint::Endpoint;
use crate::event::{Audience, Event, EventTypes, NewEvent};
use crate::field::FieldError;
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
            types.check(event.event_type(), data).map_err(violation)?;
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

/// The error of data that violates its schema. Its field is `data` and a JSON Pointer, also if an implementation of [`EventTypes`] gives
/// only the pointer or the name of a member.
fn violation(mut error: FieldError) -> DispatchError {
    let rest = error.field.strip_prefix("data").filter(|rest| rest.is_empty() || rest.starts_with('/'));
    if rest.is_none() {
        let pointer = error.field.trim_start_matches('/');
        error.field = if pointer.is_empty() { "data".into() } else { format!("data/{pointer}").into() };
    }
    DispatchError::SchemaViolation(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_of_a_violation_begins_with_data() {
        for (given, expected) in [
            ("", "data"),
            ("/", "data"),
            ("data", "data"),
            ("/invoice", "data/invoice"),
            ("invoice/cents", "data/invoice/cents"),
            ("data/invoice", "data/invoice"),
            ("database", "data/database"),
        ] {
            let DispatchError::SchemaViolation(error) = violation(FieldError::new(given, "must be a number")) else {
                panic!("{given}")
            };
            assert_eq!((&*error.field, &*error.problem), (expected, "must be a number"), "{given}");
        }
    }
}
