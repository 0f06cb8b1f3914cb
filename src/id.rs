//! Names of things: one type each, so that an endpoint's id is never taken for a delivery's.
//!
//! [`EndpointId`] and [`DeliveryId`] are UUIDv7 behind a prefix (`ep_…`, `dlv_…`): they sort by time of making.
//! [`EventId`] is text, because the application may bring its own; it travels in the `webhook-id` header, so its
//! characters are limited to `[A-Za-z0-9_-]` (a `.` would let an attacker re-split the signed text: Standard Webhooks
//! section "Signature scheme"). [`Tenant`] is whatever the application calls its customers.

mod lane;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::lane::{LaneId, MAX_QUEUE_BYTES, QueueName, Work};
use crate::clock::Timestamp;
use crate::entropy;

/// Longest id or tenant accepted, in bytes.
pub const MAX_ID_BYTES: usize = 128;

/// Why a text is no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// Nothing, or more than [`MAX_ID_BYTES`].
    #[error("{field}: must be 1 to {MAX_ID_BYTES} bytes long, is {bytes}")]
    Length {
        /// Which id.
        field: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// A character outside the allowed set.
    #[error("{field}: may hold only {allowed}")]
    Charset {
        /// Which id.
        field: &'static str,
        /// What it may hold.
        allowed: &'static str,
    },
    /// Not a prefix followed by a UUID.
    #[error("{field}: must be `{prefix}` followed by 32 hexadecimal digits")]
    Shape {
        /// Which id.
        field: &'static str,
        /// The prefix it must have.
        prefix: &'static str,
    },
    /// Not the name of a queue.
    #[error("queue name: must be {0}")]
    Queue(&'static str),
}

fn check_length(field: &'static str, text: &str) -> Result<(), IdError> {
    match text.len() {
        1..=MAX_ID_BYTES => Ok(()),
        bytes => Err(IdError::Length { field, bytes }),
    }
}

/// The id of an event, the same on every attempt; sent as `webhook-id`. Unique within a tenant.
///
/// ```
/// use hookwire::id::EventId;
///
/// assert!("order-1042-paid".parse::<EventId>().is_ok());
/// assert!("order.1042".parse::<EventId>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventId(Arc<str>);

impl EventId {
    /// An id of the application's own choosing: 1 to 128 of `[A-Za-z0-9_-]`.
    ///
    /// # Errors
    /// When it is empty, too long, or holds another character.
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self, IdError> {
        let text = text.into();
        check_length("event id", &text)?;
        if text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
            Ok(Self(text))
        } else {
            Err(IdError::Charset { field: "event id", allowed: "A-Z a-z 0-9 _ -" })
        }
    }

    /// A fresh id, `evt_` and a UUIDv7.
    #[must_use]
    pub fn generate(now: Timestamp) -> Self {
        let mut text = [0u8; 36];
        let text = encode("evt_", entropy::uuid_v7(now), &mut text);
        Self(text.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EventId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl TryFrom<String> for EventId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl From<EventId> for String {
    fn from(id: EventId) -> Self {
        id.0.as_ref().into()
    }
}

/// Whose event or endpoint it is: the customer of the application that embeds hookwire. An application without
/// customers of its own leaves it at the default, `default`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tenant(Arc<str>);

impl Tenant {
    /// The tenant as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it may be stored: 1 to 128 bytes and no control character.
    ///
    /// # Errors
    /// When it may not.
    pub fn check(&self) -> Result<(), IdError> {
        check_length("tenant", &self.0)?;
        if self.0.chars().any(char::is_control) {
            return Err(IdError::Charset { field: "tenant", allowed: "characters that are not control characters" });
        }
        Ok(())
    }
}

impl Default for Tenant {
    fn default() -> Self {
        Self("default".into())
    }
}

impl<T: Into<Arc<str>>> From<T> for Tenant {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $field:literal, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id, sorting by `now`.
            #[must_use]
            pub fn generate(now: Timestamp) -> Self {
                Self(entropy::uuid_v7(now))
            }

            /// From the sixteen bytes that [`as_bytes`](Self::as_bytes) gave.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// Sixteen bytes that sort as the id does; what a store keeps.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = [0u8; 36];
                f.write_str(encode($prefix, self.0, &mut text))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix($prefix)
                    .filter(|hex| hex.len() == 32)
                    .and_then(|hex| Uuid::try_parse(hex).ok())
                    .map(Self)
                    .ok_or(IdError::Shape { field: $field, prefix: $prefix })
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

uuid_id! {
    /// The id of an endpoint: `ep_` and a UUIDv7.
    EndpointId, "endpoint id", "ep_"
}

uuid_id! {
    /// The id of a delivery: `dlv_` and a UUIDv7.
    DeliveryId, "delivery id", "dlv_"
}

uuid_id! {
    /// Names a running worker: `wrk_` and 32 hexadecimal digits of a UUIDv7.
    WorkerId, "worker id", "wrk_"
}

/// Writes `prefix` and the 32 hexadecimal digits of `uuid`, without allocating.
fn encode<'a>(prefix: &str, uuid: Uuid, buffer: &'a mut [u8; 36]) -> &'a str {
    let end = prefix.len() + 32;
    if let (Some(head), true) = (buffer.get_mut(..prefix.len()), prefix.len() <= 4) {
        head.copy_from_slice(prefix.as_bytes());
        if let Some(tail) = buffer.get_mut(prefix.len()..end) {
            uuid.simple().encode_lower(tail);
        }
    }
    buffer.get(..end).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_text_bytes_and_json() {
        let id = DeliveryId::generate(Timestamp::from_secs(1_700_000_000));
        assert_eq!(id.to_string().parse::<DeliveryId>(), Ok(id));
        assert_eq!(DeliveryId::from_bytes(*id.as_bytes()), id);
        assert_eq!(serde_json::from_str::<DeliveryId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
    }

    #[test]
    fn one_kind_of_id_is_not_another() {
        let endpoint = EndpointId::generate(Timestamp::EPOCH).to_string();
        assert!(endpoint.parse::<DeliveryId>().is_err());
        assert!("ep_not-hex".parse::<EndpointId>().is_err());
    }

    #[test]
    fn event_ids_refuse_what_the_signature_or_a_log_would_suffer_from() {
        for bad in ["", "a.b", "a b", "a\nb", "é", &"x".repeat(129)] {
            assert!(EventId::new(bad).is_err(), "{bad:?}");
        }
        assert!(EventId::generate(Timestamp::EPOCH).as_str().parse::<EventId>().is_ok());
    }

    #[test]
    fn tenants_refuse_control_characters_and_emptiness() {
        assert!(Tenant::from("acme é").check().is_ok());
        assert!(Tenant::from("").check().is_err());
        assert!(Tenant::from("a\u{1b}[2J").check().is_err());
    }
}
