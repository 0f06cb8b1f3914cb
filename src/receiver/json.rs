//! JSON payloads.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};

use super::content::inflate_kept;
use crate::signature::content::json_inside;

/// A payload is not what the handler expects. The error contains no part of the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// The payload is not JSON: it is malformed, not UTF-8, nested deeper than 127, or followed by something else.
    #[error("payload: is not JSON (line {line}, column {column})")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// The payload is JSON, but not of the expected type.
    #[error("payload: is not of the expected type (line {line}, column {column})")]
    Shape {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// An object repeats a key, so two parsers could read different values (R-25).
    #[error("payload: an object repeats a key (line {line}, column {column})")]
    RepeatedKey {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
}

/// Keeps only the place, because the message of serde's error quotes the payload.
impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        if error.is_data() { Self::Shape { line, column } } else { Self::Syntax { line, column } }
    }
}

pub(super) fn lenient<T: DeserializeOwned>(payload: &[u8]) -> Result<T, JsonError> {
    within(payload, |json| Ok(serde_json::from_slice(json)?))
}

pub(super) fn strict<T: DeserializeOwned>(payload: &[u8]) -> Result<T, JsonError> {
    within(payload, |json| {
        // The scan raises no other data error than a repeated key.
        serde_json::from_slice::<Scan>(json).map_err(|error| match JsonError::from(error) {
            JsonError::Shape { line, column } => JsonError::RepeatedKey { line, column },
            other => other,
        })?;
        Ok(serde_json::from_slice(json)?)
    })
}

/// Reads a payload, or the JSON inside of a payload that is not JSON itself. An empty payload counts as `null`, because a webhook
/// may have no body.
fn within<T>(payload: &[u8], read: impl Fn(&[u8]) -> Result<T, JsonError>) -> Result<T, JsonError> {
    if payload.is_empty() {
        return read(b"null");
    }
    match read(payload) {
        Err(error @ JsonError::Syntax { .. }) => {
            let plain = inflate_kept(payload);
            let payload = plain.as_deref().unwrap_or(payload);
            match json_inside(payload) {
                Some(inside) => read(&inside),
                None if plain.is_some() => read(payload),
                None => Err(error),
            }
        }
        verdict => verdict,
    }
}

/// Reads any JSON without keeping it. Keys are compared after their escapes are resolved.
struct Scan;

impl<'de> Deserialize<'de> for Scan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Scan {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        let mut seen = HashSet::new();
        while let Some((key, _)) = entries.next_entry::<String, Self>()? {
            if !seen.insert(key) {
                return Err(A::Error::custom("repeated key"));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(payload: &str) -> Option<&'static str> {
        strict::<serde_json::Value>(payload.as_bytes()).err().map(|error| match error {
            JsonError::Syntax { .. } => "syntax",
            JsonError::Shape { .. } => "shape",
            JsonError::RepeatedKey { .. } => "repeated",
        })
    }

    #[test]
    fn repeated_keys_are_found_at_any_depth_and_through_escapes() {
        assert_eq!(kind(r#"{"a":1,"b":{"a":2},"c":[{"a":1},{"a":2}]}"#), None);
        assert_eq!(kind(r#"{"a":1,"a":1}"#), Some("repeated"));
        assert_eq!(kind(r#"{"x":[{"y":{"type":1,"ty\u0070e":2}}]}"#), Some("repeated"));
    }

    #[test]
    fn what_is_not_json_is_a_syntax_error() {
        for payload in ["{", "{} x", "NaN", "\u{feff}\u{feff}{}", "{} // note", "[1,]", "\"\u{1}\""] {
            assert_eq!(kind(payload), Some("syntax"), "{payload:?}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(kind(&deep), Some("syntax"));
    }

    #[test]
    fn the_json_inside_is_read_and_an_empty_body_is_null() {
        for payload in ["", "\u{feff}{}", "payload=%7B%22a%22%3A1%7D", r#"{"a":"\ud83d"}"#] {
            assert_eq!(kind(payload), None, "{payload:?}");
        }
        assert_eq!(kind("payload=%7B%22a%22%3A1%2C%22a%22%3A2%7D"), Some("repeated"));
    }

    #[test]
    fn errors_quote_nothing_of_the_payload() {
        let error = strict::<u32>(br#""a-secret-value""#).unwrap_err();
        assert_eq!(error.to_string(), "payload: is not of the expected type (line 1, column 16)");
        assert!(!format!("{error:?}").contains("secret"));
    }
}
