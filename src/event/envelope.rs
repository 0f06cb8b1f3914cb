//! The payload format that Standard Webhooks recommends: `type`, `timestamp`, `data`.

use bytes::Bytes;

use super::event_type::EventType;
use crate::clock::Timestamp;

/// Writes the envelope around `data`, which is already JSON and is copied without parsing it.
pub(super) fn standard(event_type: &EventType, occurred_at: Timestamp, data: &[u8]) -> Bytes {
    // An event type contains no character that JSON escapes.
    let head = format!(r#"{{"type":"{event_type}","timestamp":"{occurred_at}","data":"#);
    let mut payload = Vec::with_capacity(head.len() + data.len() + 1);
    payload.extend_from_slice(head.as_bytes());
    payload.extend_from_slice(data);
    payload.push(b'}');
    payload.into()
}
