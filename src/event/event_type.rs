//! The type of an event, such as `invoice.paid`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::{self, MAX_TYPE_BYTES};
use crate::field::FieldError;

/// The type of an event: identifiers of `[A-Za-z0-9_-]` joined by full stops, such as `invoice.paid`. Cheap to clone.
///
/// ```
/// use hookwire::event::EventType;
///
/// let paid: EventType = "invoice.paid".parse()?;
/// assert_eq!(paid.as_str(), "invoice.paid");
/// assert!("invoice..paid".parse::<EventType>().is_err());
/// # Ok::<(), hookwire::field::FieldError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventType(Arc<str>);

impl EventType {
    /// Parses an event type.
    ///
    /// # Errors
    /// Returns a [`FieldError`] if the text is empty, longer than [`MAX_TYPE_BYTES`], or not identifiers joined by full
    /// stops.
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self, FieldError> {
        let text = text.into();
        let identifier = |part: &str| !part.is_empty() && part.bytes().all(is_identifier_byte);
        if text.len() <= MAX_TYPE_BYTES && text.split('.').all(identifier) {
            Ok(Self(text))
        } else {
            Err(error::event_type())
        }
    }

    /// The type `webhook`, for received events whose provider sends no type.
    ///
    /// ```
    /// assert_eq!(hookwire::event::EventType::untyped().as_str(), "webhook");
    /// ```
    #[must_use]
    pub fn untyped() -> Self {
        Self("webhook".into())
    }

    /// The event type as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const fn is_identifier_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b'-'
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EventType {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        Self::new(text)
    }
}

impl TryFrom<String> for EventType {
    type Error = FieldError;

    fn try_from(text: String) -> Result<Self, FieldError> {
        Self::new(text)
    }
}

impl From<EventType> for String {
    fn from(event_type: EventType) -> Self {
        event_type.0.as_ref().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_event_types_are_rejected() {
        for bad in ["", ".", "a.", "a..b", "a b", "a/b", &"x".repeat(129)] {
            assert_eq!(EventType::new(bad), Err(error::event_type()), "{bad:?}");
        }
    }
}
