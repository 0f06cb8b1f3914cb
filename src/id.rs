//! Ids, each with its own type, so that the id of an endpoint cannot be used as the id of a delivery.
//!
//! [`EndpointId`] and [`DeliveryId`] are UUIDv7 with a prefix (`ep_…`, `dlv_…`): they sort by time of creation.
//! [`EventId`] is text, because the application may choose it. It is sent in the `webhook-id` header, so its characters are
//! limited to `[A-Za-z0-9_-]`: a `.` would let an attacker split the signed text in another place (Standard Webhooks, section
//! "Signature scheme"). [`Tenant`] is the application's own name for a customer.

#[cfg(feature = "system")]
mod generate;
mod lane;
mod length;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::lane::{LaneId, QueueName, Work};
pub use self::length::{MAX_ID_BYTES, MAX_QUEUE_BYTES};
use crate::field::FieldError;

fn check_length(field: &'static str, text: &str) -> Result<(), FieldError> {
    match text.len() {
        1..=MAX_ID_BYTES => Ok(()),
        bytes => Err(FieldError::new(field, format!("must be 1 to {MAX_ID_BYTES} bytes long, is {bytes}"))),
    }
}

/// The id of an event, unique within a tenant. It is sent as `webhook-id`, the same on every attempt.
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
    /// An id that the application chooses: 1 to 128 characters of `[A-Za-z0-9_-]`.
    ///
    /// ```
    /// use hookwire::id::EventId;
    ///
    /// assert_eq!(EventId::new("order-1042-paid")?.as_str(), "order-1042-paid");
    /// assert_eq!(EventId::new("").unwrap_err().to_string(), "event id: must be 1 to 128 bytes long, is 0");
    /// # Ok::<(), hookwire::field::FieldError>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`FieldError`] if the text is empty, too long, or contains another character.
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self, FieldError> {
        let text = text.into();
        check_length("event id", &text)?;
        if text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
            Ok(Self(text))
        } else {
            Err(FieldError::of("event id", "may contain only A-Z a-z 0-9 _ -"))
        }
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
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        Self::new(text)
    }
}

impl TryFrom<String> for EventId {
    type Error = FieldError;

    fn try_from(text: String) -> Result<Self, FieldError> {
        Self::new(text)
    }
}

impl From<EventId> for String {
    fn from(id: EventId) -> Self {
        id.0.as_ref().into()
    }
}

/// The customer of the application that an event or an endpoint belongs to. An application without customers uses the default
/// tenant, `default`.
///
/// ```
/// use hookwire::id::Tenant;
///
/// let tenant = Tenant::from("acme");
/// assert!(tenant.check().is_ok() && tenant != Tenant::default());
/// assert!(Tenant::from("").check().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tenant(Arc<str>);

impl Tenant {
    /// The tenant as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Checks that the tenant can be stored: 1 to 128 bytes without control characters.
    ///
    /// ```
    /// use hookwire::id::Tenant;
    ///
    /// assert!(Tenant::from("Acme Ltd").check().is_ok());
    /// assert!(Tenant::from("Acme\nLtd").check().is_err());
    /// ```
    ///
    /// # Errors
    /// Returns a [`FieldError`] if it cannot.
    pub fn check(&self) -> Result<(), FieldError> {
        check_length("tenant", &self.0)?;
        if self.0.chars().any(char::is_control) {
            return Err(FieldError::of("tenant", "may contain only characters that are not control characters"));
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
            /// The id with these bytes, which [`as_bytes`](Self::as_bytes) returned.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The sixteen bytes that a store keeps. They sort as the id does.
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
            type Err = FieldError;

            fn from_str(text: &str) -> Result<Self, FieldError> {
                text.strip_prefix($prefix)
                    .filter(|hex| hex.len() == 32)
                    .and_then(|hex| Uuid::try_parse(hex).ok())
                    .map(Self)
                    .ok_or(FieldError::of($field, concat!("must be `", $prefix, "` followed by 32 hexadecimal digits")))
            }
        }

        impl TryFrom<String> for $name {
            type Error = FieldError;

            fn try_from(text: String) -> Result<Self, FieldError> {
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
    /// The id of an endpoint: `ep_` and a UUIDv7 in hexadecimal.
    ///
    /// ```
    /// use hookwire::clock::{Clock, SystemClock};
    /// use hookwire::id::EndpointId;
    ///
    /// let id = EndpointId::generate(SystemClock.now());
    /// assert_eq!(id.to_string().parse(), Ok(id));
    /// assert_eq!(EndpointId::from_bytes(*id.as_bytes()), id);
    /// ```
    EndpointId, "endpoint id", "ep_"
}

uuid_id! {
    /// The id of a delivery: `dlv_` and a UUIDv7 in hexadecimal.
    ///
    /// ```
    /// use hookwire::id::{DeliveryId, EndpointId};
    ///
    /// let text = "dlv_0190b3c2d4e576078293a4b5c6d7e8f9";
    /// assert_eq!(text.parse::<DeliveryId>().unwrap().to_string(), text);
    /// assert!(text.parse::<EndpointId>().is_err());
    /// ```
    DeliveryId, "delivery id", "dlv_"
}

uuid_id! {
    /// The id of a running worker: `wrk_` and a UUIDv7 in hexadecimal.
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
    use crate::clock::Timestamp;

    #[test]
    fn an_id_survives_text_bytes_and_json() {
        let id = DeliveryId::generate(Timestamp::from_secs(1_700_000_000));
        assert_eq!(id.to_string().parse::<DeliveryId>(), Ok(id));
        assert_eq!(DeliveryId::from_bytes(*id.as_bytes()), id);
        assert_eq!(serde_json::from_str::<DeliveryId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
    }

    #[test]
    fn the_text_of_another_kind_of_id_is_rejected() {
        let endpoint = EndpointId::generate(Timestamp::EPOCH).to_string();
        assert!(endpoint.parse::<DeliveryId>().is_err());
        assert!("ep_not-hex".parse::<EndpointId>().is_err());
    }

    #[test]
    fn event_ids_with_characters_outside_the_allowed_set_are_rejected() {
        for bad in ["", "a.b", "a b", "a\nb", "é", &"x".repeat(129)] {
            assert!(EventId::new(bad).is_err(), "{bad:?}");
        }
        assert!(EventId::generate(Timestamp::EPOCH).as_str().parse::<EventId>().is_ok());
    }

    #[test]
    fn empty_tenants_and_tenants_with_control_characters_are_rejected() {
        assert!(Tenant::from("acme é").check().is_ok());
        assert!(Tenant::from("").check().is_err());
        assert!(Tenant::from("a\u{1b}[2J").check().is_err());
    }
}
