//! Columns for lanes, ordering keys, origins and the ids that are taken.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::event::{Event, Order, Origin};
use crate::id::{DeliveryId, EndpointId, EventId, LaneId, QueueName, Work};
use crate::store::DedupGroup;

/// The length of an endpoint's lane. A queue's lane never has this length, so that the two differ by it.
const ENDPOINT_BYTES: usize = 16;

/// The first byte of every queue's lane.
pub(in crate::store) const QUEUE: u8 = 0xff;

/// A lane as binary column. An endpoint has the 16 bytes of its id. A queue has `0xff` and its name, and one more zero byte if that
/// would be 16 bytes. So the length distinguishes the two [kinds of work](Work).
///
/// ```
/// use hookwire::clock::Timestamp;
/// use hookwire::id::{EndpointId, LaneId};
/// use hookwire::store::sql::{lane_column, restore_lane};
///
/// let lane = LaneId::from(EndpointId::generate(Timestamp::EPOCH));
/// assert_eq!(restore_lane(&lane_column(lane)), Some(lane));
/// assert_eq!(restore_lane(b"short"), None);
/// ```
#[must_use]
pub fn lane_column(lane: LaneId) -> Vec<u8> {
    let name = match lane {
        LaneId::Endpoint(id) => return id.as_bytes().to_vec(),
        LaneId::Queue(name) => name,
    };
    let mut bytes = Vec::with_capacity(name.as_str().len() + 2);
    bytes.push(QUEUE);
    bytes.extend_from_slice(name.as_str().as_bytes());
    if bytes.len() == ENDPOINT_BYTES {
        bytes.push(0);
    }
    bytes
}

/// The lane of a [column](lane_column); `None` if it is invalid.
#[must_use]
pub fn restore_lane(column: &[u8]) -> Option<LaneId> {
    if let Ok(bytes) = <[u8; ENDPOINT_BYTES]>::try_from(column) {
        return Some(LaneId::Endpoint(EndpointId::from_bytes(bytes)));
    }
    let name = column.strip_prefix(&[QUEUE])?;
    let name = name.strip_suffix(&[0]).unwrap_or(name);
    QueueName::new(std::str::from_utf8(name).ok()?).ok().map(LaneId::Queue)
}

/// An order as text column: `f` for [first in, first out](Order::fifo) or `l` for [latest](Order::latest), then the key.
///
/// ```
/// use hookwire::event::Order;
/// use hookwire::store::sql::{order_column, restore_order};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let order = Order::latest("cart-1")?;
/// assert_eq!(order_column(&order), "lcart-1");
/// assert_eq!(restore_order("lcart-1"), Some(order));
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn order_column(order: &Order) -> String {
    let kind = if order.is_latest() { 'l' } else { 'f' };
    format!("{kind}{}", order.key())
}

/// The ordering key of a [column](order_column); `None` if it is invalid.
#[must_use]
pub fn restore_order(column: &str) -> Option<Order> {
    match column.split_at_checked(1)? {
        ("f", key) => Order::fifo(key).ok(),
        ("l", key) => Order::latest(key).ok(),
        _ => None,
    }
}

/// The origin of a received event as text column: JSON. `None` for an event that is sent.
#[must_use]
pub fn origin_column(event: &Event) -> Option<String> {
    event.origin.as_ref().and_then(|origin| serde_json::to_string(&**origin).ok())
}

/// The origin of a [column](origin_column).
///
/// # Errors
/// Returns an error if the column is not the JSON of an origin.
pub fn restore_origin(column: Option<&str>) -> serde_json::Result<Option<Arc<Origin>>> {
    column.map(|text| serde_json::from_str(text).map(Arc::new)).transpose()
}

/// The key under which the id of an event is taken, unique for each tenant. The key of a received event never equals the id of a
/// sent event.
///
/// ```
/// use hookwire::id::{EventId, Work};
/// use hookwire::store::sql::publish_key;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let id = EventId::new("order-1")?;
/// assert_eq!(publish_key(Work::Sent, &id), "order-1");
/// assert!(EventId::new(publish_key(Work::Received, &id)).is_err());
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn publish_key(work: Work, id: &EventId) -> Cow<'_, str> {
    match work {
        Work::Sent => Cow::Borrowed(id.as_str()),
        Work::Received => Cow::Owned(format!(":{id}")),
    }
}

/// The key under which the signed bytes of a received event are taken; `None` for a sent event and for an event without signed bytes.
#[must_use]
pub fn replay_key(event: &Event) -> Option<String> {
    event.replay_digest().map(|digest| format!("{REPLAY}{}", hex::encode(digest)))
}

/// The beginning of every [`replay_key`], which no [`publish_key`] has.
pub(in crate::store) const REPLAY: &str = ":r";

/// The range of the [keys](publish_key) of a group's received events: from the first text (included) to the second (excluded). Keys that
/// were freed contain a dash.
#[must_use]
pub fn group_keys(group: &DedupGroup) -> (String, String) {
    let group = hex::encode(group.as_bytes());
    (format!(":evt_{group}_"), format!(":evt_{group}`"))
}

/// The largest difference between the time in a delivery's id and the time at which the delivery was made, or first attempted.
const SLACK: Duration = Duration::from_secs(3_600);

/// A range of ids that contains the ids of all deliveries that were made at `from` or later, and before `to`, because ids sort by
/// time. The range also contains other ids, so a query must check the time too.
#[must_use]
pub fn ids_between(from: Option<Timestamp>, to: Option<Timestamp>) -> (Option<DeliveryId>, Option<DeliveryId>) {
    (from.map(|from| first_id(from - SLACK)), to.map(|to| first_id(to + SLACK)))
}

/// The lowest UUIDv7 of this millisecond (RFC 9562 section 5.7).
pub(in crate::store) fn first_id(at: Timestamp) -> DeliveryId {
    let millis = u64::try_from(at.as_millis()).unwrap_or(0).min((1 << 48) - 1);
    DeliveryId::from_bytes((u128::from(millis) << 80).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_read_back_and_no_queue_is_taken_for_an_endpoint() {
        let endpoint = LaneId::from(EndpointId::from_bytes([0xff; 16]));
        let queues = (1..=32).map(|length| LaneId::from(QueueName::new(&"q".repeat(length)).unwrap()));
        let lanes: Vec<_> = queues.chain([endpoint]).collect();
        let columns: Vec<_> = lanes.iter().map(|lane| lane_column(*lane)).collect();
        for (lane, column) in lanes.iter().zip(&columns) {
            assert_eq!(restore_lane(column), Some(*lane));
            assert_eq!(column.len() == ENDPOINT_BYTES, lane.work() == Work::Sent, "{lane}");
        }
        assert!(columns.iter().enumerate().all(|(n, column)| !columns[..n].contains(column)));
        assert_eq!(restore_lane(b"short"), None);
    }
}
