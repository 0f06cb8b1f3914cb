//! Headers that a tenant wants on every request to an endpoint.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::custom_header::check_custom_header;
use super::error::{self, MAX_HEADER_BYTES, MAX_HEADERS};
use crate::field::FieldError;

/// Headers that a tenant wants on every request to an endpoint, such as credentials. The values are secrets: `Debug` prints the
/// names only.
///
/// ```
/// use hookwire::endpoint::CustomHeaders;
///
/// let headers = CustomHeaders::new().bearer("t0ken")?.with("x-env", "prod")?;
/// assert_eq!(format!("{headers:?}"), r#"{"authorization", "x-env"}"#);
/// let error = headers.with("host", "127.0.0.1").unwrap_err();
/// assert_eq!(error.to_string(), "header name: is reserved; choose another name");
/// # Ok::<(), hookwire::field::FieldError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CustomHeaders(HeaderMap);

impl CustomHeaders {
    /// No headers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a header, or replaces the header with this name.
    ///
    /// ```
    /// use hookwire::endpoint::CustomHeaders;
    ///
    /// let headers = CustomHeaders::new().with("X-Env", "test")?.with("x-env", "prod")?;
    /// assert_eq!(headers.names().collect::<Vec<_>>(), ["x-env"]);
    /// # Ok::<(), hookwire::field::FieldError>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`FieldError`] if the header is invalid, if its value is longer than [`MAX_HEADER_BYTES`], if its name is reserved, or if
    /// there are already [`MAX_HEADERS`].
    pub fn with(mut self, name: &str, value: &str) -> Result<Self, FieldError> {
        let (name, mut value) = check_custom_header(name, value)?;
        if value.len() > MAX_HEADER_BYTES {
            return Err(error::header_too_long());
        }
        if self.0.len() >= MAX_HEADERS && !self.0.contains_key(&name) {
            return Err(error::too_many_headers());
        }
        value.set_sensitive(true);
        self.0.insert(name, value);
        Ok(self)
    }

    /// Adds `Authorization: Bearer …` (RFC 6750 section 2.1).
    ///
    /// # Errors
    /// Returns the errors of [`with`](Self::with).
    pub fn bearer(self, token: &str) -> Result<Self, FieldError> {
        self.with(AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    /// Adds `Authorization: Basic …` (RFC 7617).
    ///
    /// ```
    /// use hookwire::endpoint::CustomHeaders;
    ///
    /// let headers = CustomHeaders::new().basic("acme", "open sesame")?;
    /// assert_eq!(headers.names().collect::<Vec<_>>(), ["authorization"]);
    /// # Ok::<(), hookwire::field::FieldError>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`FieldError`] if the user name contains a colon, and otherwise the errors of [`with`](Self::with).
    pub fn basic(self, user: &str, password: &str) -> Result<Self, FieldError> {
        if user.contains(':') {
            return Err(error::HEADER_VALUE);
        }
        self.with(AUTHORIZATION.as_str(), &format!("Basic {}", BASE64.encode(format!("{user}:{password}"))))
    }

    /// The names. They may be shown, the values may not.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(http::HeaderName::as_str)
    }

    /// Whether there are no headers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the headers to a request.
    ///
    /// ```
    /// use hookwire::endpoint::CustomHeaders;
    ///
    /// let mut request = http::HeaderMap::new();
    /// CustomHeaders::new().bearer("t0ken")?.apply(&mut request);
    /// assert_eq!(request["authorization"], "Bearer t0ken");
    /// # Ok::<(), hookwire::field::FieldError>(())
    /// ```
    pub fn apply(&self, headers: &mut HeaderMap) {
        headers.extend(self.0.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
}

impl fmt::Debug for CustomHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// Stores use this: it writes the values **in the clear**.
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
    fn credentials_are_not_printed() {
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
    fn reserved_malformed_and_excess_headers_are_rejected() {
        let none = CustomHeaders::new;
        assert_eq!(none().with("host", "x"), Err(error::HEADER_RESERVED));
        assert_eq!(none().with("webhook-signature", "x"), Err(error::HEADER_RESERVED));
        assert_eq!(none().with("x", "a\r\nb: c"), Err(error::HEADER_VALUE));
        assert_eq!(none().basic("a:b", "c"), Err(error::HEADER_VALUE));
        assert_eq!(none().with("x", &"y".repeat(MAX_HEADER_BYTES + 1)), Err(error::header_too_long()));
        let full = (0..MAX_HEADERS).fold(none(), |all, n| all.with(&format!("x-{n}"), "1").unwrap());
        assert!(full.clone().with("x-0", "2").is_ok(), "a header with a known name is replaced");
        assert_eq!(full.with("x-more", "1"), Err(error::too_many_headers()));
    }
}
