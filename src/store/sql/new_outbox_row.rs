//! An event as the columns of a row that an application writes in its own transaction.

use crate::clock::Timestamp;
use crate::event::{NewEvent, Order};
use crate::field::FieldError;
use crate::id::EventId;

/// An event as the columns of a row, for an application's own transaction.
#[derive(Clone, Debug)]
pub(in crate::store) struct NewOutboxRow<'a> {
    /// The type of the event.
    pub(in crate::store) event_type: &'a str,
    /// The data of the event.
    pub(in crate::store) data: &'a [u8],
    /// The tenant.
    pub(in crate::store) tenant: &'a str,
    /// The content type; `None` if the data is JSON.
    pub(in crate::store) content_type: Option<&'a str>,
    /// The id of the event: the caller's, or a new one.
    pub(in crate::store) id: EventId,
    /// When the event occurred, in microseconds.
    pub(in crate::store) occurred_at: Option<i64>,
    /// The key of a [first in, first out](crate::event::Order::fifo) order.
    pub(in crate::store) fifo_key: Option<&'a str>,
    /// The key of a [latest](crate::event::Order::latest) order.
    pub(in crate::store) latest_key: Option<&'a str>,
    /// When the event expires, in microseconds.
    pub(in crate::store) expires_at: Option<i64>,
}

impl<'a> NewOutboxRow<'a> {
    /// The columns of an event. Fails if the tenant's name is invalid.
    pub(in crate::store) fn of(event: &'a NewEvent, now: Timestamp) -> Result<Self, FieldError> {
        event.tenant.check()?;
        let key = |latest| event.order.as_ref().filter(|order| order.is_latest() == latest).map(Order::key);
        Ok(Self {
            event_type: event.event_type.as_str(),
            data: event.data.bytes(),
            tenant: event.tenant.as_str(),
            content_type: event.data().is_none().then_some(event.data.content_type()),
            id: event.id.clone().unwrap_or_else(|| EventId::generate(now)),
            occurred_at: event.occurred_at.map(Timestamp::as_micros),
            fifo_key: key(false),
            latest_key: key(true),
            expires_at: event.expires_at.map(Timestamp::as_micros),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_becomes_the_columns_of_a_row() {
        let event = NewEvent::json("order.paid", &1299).unwrap().ordered_by("order-1").unwrap();
        let row = NewOutboxRow::of(&event, Timestamp::EPOCH).unwrap();
        assert_eq!((row.event_type, row.data, row.fifo_key), ("order.paid", &b"1299"[..], Some("order-1")));
    }
}
