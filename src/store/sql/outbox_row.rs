//! Rows of a table that applications write to in their own transactions.

use crate::clock::Timestamp;
use crate::event::NewEvent;
use crate::field::FieldError;
use crate::id::EventId;

/// A row that an application has written, for [`Staging`](crate::store::Staging).
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "complete: the columns of the documented table; made by stores")]
pub struct OutboxRow {
    /// The type of the event.
    pub event_type: String,
    /// The data of the event.
    pub data: Vec<u8>,
    /// The tenant; `None` for the default one.
    pub tenant: Option<String>,
    /// The content type; `None` if the data is JSON.
    pub content_type: Option<String>,
    /// The id of the event; with `None` the import makes one.
    pub id: Option<String>,
    /// When the event occurred, in microseconds.
    pub occurred_at: Option<i64>,
    /// The key of a [first in, first out](crate::event::Order::fifo) order.
    pub fifo_key: Option<String>,
    /// The key of a [latest](crate::event::Order::latest) order.
    pub latest_key: Option<String>,
    /// When the event expires, in microseconds.
    pub expires_at: Option<i64>,
}

impl OutboxRow {
    /// The columns of an event, for a store that writes it to its own outbox table.
    ///
    /// ```
    /// use hookwire::event::NewEvent;
    /// use hookwire::store::sql::OutboxRow;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let row = OutboxRow::of(&NewEvent::json("order.paid", &1299)?.tenant("acme").ordered_by("order-1")?);
    /// assert_eq!((&*row.event_type, &*row.data, row.content_type), ("order.paid", &b"1299"[..], None));
    /// assert_eq!((row.tenant.as_deref(), row.fifo_key.as_deref()), (Some("acme"), Some("order-1")));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn of(event: &NewEvent) -> Self {
        let key =
            |latest| event.order.as_ref().filter(|order| order.is_latest() == latest).map(|order| order.key().into());
        Self {
            event_type: event.event_type.as_str().into(),
            data: event.data.bytes().to_vec(),
            tenant: Some(event.tenant.as_str().into()),
            content_type: event.data().is_none().then(|| event.data.content_type().into()),
            id: event.id.as_ref().map(|id| id.as_str().into()),
            occurred_at: event.occurred_at.map(Timestamp::as_micros),
            fifo_key: key(false),
            latest_key: key(true),
            expires_at: event.expires_at.map(Timestamp::as_micros),
        }
    }

    /// The event that the row describes.
    ///
    /// ```
    /// use hookwire::store::sql::OutboxRow;
    ///
    /// let row = OutboxRow { event_type: "order.paid".into(), data: b"{}".to_vec(), ..OutboxRow::default() };
    /// assert!(row.event().is_ok());
    /// let row = OutboxRow { event_type: "order.paid".into(), data: b"{".to_vec(), ..OutboxRow::default() };
    /// assert!(row.event().is_err_and(|why| why.starts_with("data: is not JSON")));
    /// ```
    ///
    /// # Errors
    /// Returns why the row is invalid, as a text for its author.
    pub fn event(self) -> Result<NewEvent, String> {
        let why = |error: FieldError| error.to_string();
        let made = match self.content_type {
            Some(content_type) => NewEvent::raw(&self.event_type, &content_type, self.data),
            None => {
                let json = serde_json::from_slice::<&serde_json::value::RawValue>(&self.data);
                NewEvent::json(&self.event_type, json.map_err(|error| format!("data: is not JSON: {error}"))?)
            }
        };
        let mut event = made.map_err(why)?.tenant(self.tenant.unwrap_or_default());
        if let Some(id) = self.id {
            event = event.id(EventId::new(id).map_err(|error| error.to_string())?);
        }
        if let Some(at) = self.occurred_at {
            event = event.occurred_at(Timestamp::from_micros(at));
        }
        if let Some(at) = self.expires_at {
            event = event.expires_at(Timestamp::from_micros(at));
        }
        match (self.fifo_key, self.latest_key) {
            (Some(key), _) => event.ordered_by(key).map_err(why),
            (None, Some(key)) => event.latest_by(key).map_err(why),
            (None, None) => Ok(event),
        }
    }
}
