//! The source of a received event, and the provider's names for it.

use serde::{Deserialize, Serialize};

/// Longest event id or type of a provider that is kept, in bytes. A longer one is dropped.
pub const MAX_ORIGIN_BYTES: usize = 256;

/// Maximum number of headers that are kept of one event.
const MAX_HEADERS: usize = 32;

/// Longest names and values of all kept headers together, in bytes.
const MAX_HEADERS_BYTES: usize = 8_192;

/// What is kept of a received event in addition to its payload: the source that verified it, the provider's id and type, and some
/// headers. Everything except the source is text from the provider, unchanged.
///
/// ```
/// use hookwire::event::Origin;
///
/// let origin = Origin::new("shop").with_event(Some("evt_1"), Some("orders/paid")).with_headers([("X-Topic", "orders/paid")]);
/// assert_eq!(origin.event_type.as_deref(), Some("orders/paid"));
/// assert_eq!(origin.header("x-topic"), Some("orders/paid"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Origin {
    /// The name of the source that verified the event.
    pub source: Box<str>,
    /// The provider's id of the event; `None` if the provider sends none, or one longer than [`MAX_ORIGIN_BYTES`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<Box<str>>,
    /// The provider's type of the event; `None` if the provider sends none, or one longer than [`MAX_ORIGIN_BYTES`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<Box<str>>,
    /// The kept headers in the order received, names in lower case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(Box<str>, Box<str>)>,
}

impl Origin {
    /// The origin of an event that this source verified.
    #[must_use]
    pub fn new(source: impl Into<Box<str>>) -> Self {
        Self { source: source.into(), ..Self::default() }
    }

    /// Adds the provider's id and type of the event. Texts longer than [`MAX_ORIGIN_BYTES`] are dropped.
    #[must_use]
    pub fn with_event(mut self, event_id: Option<&str>, event_type: Option<&str>) -> Self {
        let kept = |text: Option<&str>| text.filter(|text| text.len() <= MAX_ORIGIN_BYTES).map(Into::into);
        (self.event_id, self.event_type) = (kept(event_id), kept(event_type));
        self
    }

    /// Adds the first 32 of these headers, as far as they fit into 8 KiB together.
    ///
    /// ```
    /// use hookwire::event::Origin;
    ///
    /// let origin = Origin::new("shop").with_headers([("X-Shop", "acme")]);
    /// assert_eq!(origin.header("x-shop"), Some("acme"));
    /// ```
    #[must_use]
    pub fn with_headers<'a>(mut self, headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut left = MAX_HEADERS_BYTES;
        for (name, value) in headers.into_iter().take(MAX_HEADERS) {
            if let Some(rest) = left.checked_sub(name.len() + value.len()) {
                left = rest;
                self.headers.push((name.to_ascii_lowercase().into(), value.into()));
            }
        }
        self
    }

    /// The first kept header with this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(kept, _)| kept.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_or_type_over_256_bytes_is_dropped() {
        let (fits, long) = ("é".repeat(128), "x".repeat(257));
        let origin = Origin::new("shop").with_event(Some(&fits), Some(&long));
        assert_eq!((origin.event_id.as_deref(), origin.event_type), (Some(&*fits), None));
    }

    #[test]
    fn headers_are_bounded_and_found_in_any_case() {
        let long = "v".repeat(9_000);
        let many: Vec<_> = (0..99).map(|n| format!("x-{n}")).collect();
        let headers = [("X-Topic", "orders/paid"), ("x-long", long.as_str())];
        let origin =
            Origin::new("shop").with_headers(headers.into_iter().chain(many.iter().map(|name| (&**name, "1"))));
        assert_eq!(origin.header("x-TOPIC"), Some("orders/paid"));
        assert_eq!((origin.header("x-long"), origin.headers.len()), (None, 31));
    }

    #[test]
    fn an_origin_survives_json() {
        let origin = Origin::new("shop").with_event(Some("evt/1"), None).with_headers([("a", "b")]);
        assert_eq!(serde_json::from_str::<Origin>(&serde_json::to_string(&origin).unwrap()).unwrap(), origin);
    }
}
