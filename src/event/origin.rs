//! Where a received event came from.

use serde::{Deserialize, Serialize};

/// Longest id or type of a provider that is kept, in bytes; a longer one counts as absent.
pub const MAX_ORIGIN_BYTES: usize = 256;

/// Most headers that are kept of one event, and most bytes of names and values together.
const MAX_HEADERS: (usize, usize) = (32, 8_192);

/// What is kept of a received event beside its payload: the source that verified it, what its provider calls it, and some of
/// its headers. All of it but the source is the provider's text, as it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Origin {
    /// The name of the source that verified it.
    pub source: Box<str>,
    /// The provider's id of the event; `None` where it names none, or one of more than 256 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<Box<str>>,
    /// The provider's type of the event; `None` where it names none, or one of more than 256 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<Box<str>>,
    /// Kept headers, names in lower case, in the order received.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(Box<str>, Box<str>)>,
}

impl Origin {
    /// An event that this source has verified.
    #[must_use]
    pub fn of(source: impl Into<Box<str>>) -> Self {
        Self { source: source.into(), ..Self::default() }
    }

    /// With what the provider calls the event. Texts of more than 256 bytes count as absent.
    #[must_use]
    pub fn named(mut self, event_id: Option<&str>, event_type: Option<&str>) -> Self {
        let kept = |text: Option<&str>| text.filter(|text| text.len() <= MAX_ORIGIN_BYTES).map(Into::into);
        (self.event_id, self.event_type) = (kept(event_id), kept(event_type));
        self
    }

    /// With these headers: the first 32 of them, and no more than 8 KiB together.
    #[must_use]
    pub fn with_headers<'a>(mut self, headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut room = MAX_HEADERS.1;
        for (name, value) in headers.into_iter().take(MAX_HEADERS.0) {
            if let Some(left) = room.checked_sub(name.len() + value.len()) {
                room = left;
                self.headers.push((name.to_ascii_lowercase().into(), value.into()));
            }
        }
        self
    }

    /// The first kept header of this name, in whatever case it is asked for.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(kept, _)| kept.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_over_256_bytes_counts_as_absent() {
        let (fits, long) = ("é".repeat(128), "x".repeat(257));
        let origin = Origin::of("shop").named(Some(&fits), Some(&long));
        assert_eq!((origin.event_id.as_deref(), origin.event_type), (Some(&*fits), None));
    }

    #[test]
    fn headers_are_bounded_and_found_in_any_case() {
        let long = "v".repeat(9_000);
        let many: Vec<_> = (0..99).map(|n| format!("x-{n}")).collect();
        let headers = [("X-Topic", "orders/paid"), ("x-long", long.as_str())];
        let origin = Origin::of("shop").with_headers(headers.into_iter().chain(many.iter().map(|name| (&**name, "1"))));
        assert_eq!(origin.header("x-TOPIC"), Some("orders/paid"));
        assert_eq!((origin.header("x-long"), origin.headers.len()), (None, 31));
    }

    #[test]
    fn it_survives_json() {
        let origin = Origin::of("shop").named(Some("evt/1"), None).with_headers([("a", "b")]);
        assert_eq!(serde_json::from_str::<Origin>(&serde_json::to_string(&origin).unwrap()).unwrap(), origin);
    }
}
