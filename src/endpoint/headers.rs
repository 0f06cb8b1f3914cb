//! Headers that an endpoint's owner wants on every request to it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::custom_header::{CustomHeaderError, check_custom_header};

/// Most headers one endpoint may have.
pub const MAX_HEADERS: usize = 16;

/// Longest value of a header, in bytes.
pub const MAX_HEADER_BYTES: usize = 4_096;

/// Headers that an endpoint's owner wants on every request to it, credentials among them. Their values are secrets: `Debug`
/// prints names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CustomHeaders(HeaderMap);

impl CustomHeaders {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a header, or replaces the one of this name.
    ///
    /// # Errors
    /// When it is malformed, too long, reserved, or one too many.
    pub fn with(mut self, name: &str, value: &str) -> Result<Self, CustomHeaderError> {
        let (name, mut value) = check_custom_header(name, value)?;
        if value.len() > MAX_HEADER_BYTES {
            return Err(CustomHeaderError::TooLong);
        }
        if self.0.len() >= MAX_HEADERS && !self.0.contains_key(&name) {
            return Err(CustomHeaderError::TooMany);
        }
        value.set_sensitive(true);
        self.0.insert(name, value);
        Ok(self)
    }

    /// `Authorization: Bearer …` (RFC 6750 section 2.1).
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub fn bearer(self, token: &str) -> Result<Self, CustomHeaderError> {
        self.with(AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    /// `Authorization: Basic …` (RFC 7617).
    ///
    /// # Errors
    /// When the user's name has a colon; else as [`with`](Self::with).
    pub fn basic(self, user: &str, password: &str) -> Result<Self, CustomHeaderError> {
        if user.contains(':') {
            return Err(CustomHeaderError::Value);
        }
        self.with(AUTHORIZATION.as_str(), &format!("Basic {}", BASE64.encode(format!("{user}:{password}"))))
    }

    /// Their names, and nothing of their values: what may be shown.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(http::HeaderName::as_str)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts them on a request.
    pub fn apply(&self, headers: &mut HeaderMap) {
        headers.extend(self.0.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
}

impl fmt::Debug for CustomHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// For stores: **values in the clear**.
impl Serialize for CustomHeaders {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        serializer.collect_seq(self.0.iter().map(|(name, value)| (name.as_str(), text(value))))
    }
}

impl<'de> Deserialize<'de> for CustomHeaders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs = Vec::<(String, String)>::deserialize(deserializer)?;
        let add = |all: Self, (name, value): (String, String)| all.with(&name, &value);
        pairs.into_iter().try_fold(Self::new(), add).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_headers_and_print_nothing() {
        let headers = CustomHeaders::new().basic("Aladdin", "open sesame").unwrap().with("X-Env", "prod").unwrap();
        let mut request = HeaderMap::new();
        headers.apply(&mut request);
        assert_eq!(request["authorization"], "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let bearer = headers.clone().bearer("t0ken-t0ken").unwrap();
        let shown = format!("{headers:?} {bearer:?} {request:?}");
        assert!(
            shown.contains("x-env") && !shown.contains("QWxh") && !shown.contains("t0ken") && !shown.contains("prod")
        );
        let kept = serde_json::to_string(&bearer).unwrap();
        assert_eq!(serde_json::from_str::<CustomHeaders>(&kept).unwrap(), bearer);
    }

    #[test]
    fn what_is_reserved_malformed_or_too_much_is_refused() {
        let none = CustomHeaders::new;
        assert_eq!(none().with("host", "x"), Err(CustomHeaderError::Reserved));
        assert_eq!(none().with("webhook-signature", "x"), Err(CustomHeaderError::Reserved));
        assert_eq!(none().with("x", "a\r\nb: c"), Err(CustomHeaderError::Value));
        assert_eq!(none().basic("a:b", "c"), Err(CustomHeaderError::Value));
        assert_eq!(none().with("x", &"y".repeat(MAX_HEADER_BYTES + 1)), Err(CustomHeaderError::TooLong));
        let full = (0..MAX_HEADERS).fold(none(), |all, n| all.with(&format!("x-{n}"), "1").unwrap());
        assert!(full.clone().with("x-0", "2").is_ok(), "it replaces one");
        assert_eq!(full.with("x-more", "1"), Err(CustomHeaderError::TooMany));
    }
}
