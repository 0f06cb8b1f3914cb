//! The URL of an endpoint, parsed once, at registration, for all later uses.
//!
//! URL parsers disagree about unusual URLs. If the egress guard and the HTTP client parsed the text separately, the guard could
//! check one host while the client connects to another. So a URL is parsed once, strictly. The rules, in order:
//!
//! 1. at most [`MAX_URL_BYTES`](super::MAX_URL_BYTES) bytes; no control character, space, `\` or `#` anywhere;
//! 2. `http://` or `https://` in any case, with exactly two slashes;
//! 3. no user name or password, no `%` and nothing but ASCII in the authority (write internationalised names as `xn--`);
//! 4. an IPv4 address only as four decimal numbers: not `127.1`, `0x7f000001` or `2130706433`;
//! 5. no empty label, no label that begins or ends with a hyphen, labels of at most 63 and names of at most 253 bytes.
//!
//! An accepted URL is normalised as the WHATWG URL Standard does it, and a WHATWG parser reads the same scheme, host and port.
//! Whether the sender *allows* a target is decided by its [`EgressPolicy`](crate::sender::egress::EgressPolicy).
//!
//! ```
//! use hookwire::endpoint::Target;
//!
//! let target: Target = "HTTPS://Hooks.Example.com:443/in?token=s3cret".parse()?;
//! assert_eq!(target.as_str(), "https://hooks.example.com/in?token=s3cret");
//! assert_eq!((target.host(), target.port(), target.address()), ("hooks.example.com", 443, None));
//! assert_eq!(target.to_string(), "https://hooks.example.com/[redacted]");
//! assert!(Target::parse("http://2130706433/").is_err());
//! # Ok::<(), hookwire::field::FieldError>(())
//! ```

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use super::error;
use super::url::Url;
use crate::field::FieldError;

/// The URL of an endpoint: parsed, canonical, `http` or `https`. Cheap to clone.
///
/// `Debug` and `Display` leave out path and query, because the URL of a webhook often contains a secret; [`as_str`](Self::as_str)
/// returns all of it.
#[derive(Clone)]
pub struct Target(Arc<Inner>);

struct Inner {
    url: Url,
    uri: http::Uri,
}

impl Target {
    /// Parses a URL.
    ///
    /// ```
    /// use hookwire::endpoint::Target;
    ///
    /// assert_eq!(Target::parse("https://acme.example")?.as_str(), "https://acme.example/");
    /// let error = Target::parse("https://user@acme.example/").unwrap_err();
    /// assert_eq!(error.to_string(), "url: must not contain a user name or password");
    /// # Ok::<(), hookwire::field::FieldError>(())
    /// ```
    ///
    /// # Errors
    /// Returns the [`FieldError`] of the first rule that the URL breaks.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let url = Url::parse(text)?;
        let uri = url.text.parse().map_err(|_| error::URL)?;
        Ok(Self(Arc::new(Inner { url, uri })))
    }

    /// Whether the scheme is `https`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.url.https
    }

    /// The scheme: `https` or `http`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.0.url.https { "https" } else { "http" }
    }

    /// The host: a name in lower case and ASCII, with its trailing dot if it has one, or an IP address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.0.url.host
    }

    /// The IP address if the host is one; `None` if it is a name.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.0.url.address
    }

    /// The port: that of the URL, or the default port of the scheme.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.url.port
    }

    /// Host and port as in the `Host` header: without the default port of the scheme.
    ///
    /// ```
    /// use hookwire::endpoint::Target;
    ///
    /// assert_eq!(Target::parse("https://acme.example:443/in")?.authority(), "acme.example");
    /// assert_eq!(Target::parse("https://acme.example:8443/in")?.authority(), "acme.example:8443");
    /// # Ok::<(), hookwire::field::FieldError>(())
    /// ```
    #[must_use]
    pub fn authority(&self) -> &str {
        self.0.uri.authority().map_or("", http::uri::Authority::as_str)
    }

    /// The canonical URL with path and query. Treat it as a secret.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.url.text
    }

    /// The URL as an [`http::Uri`], cheap to clone.
    #[must_use]
    pub fn uri(&self) -> &http::Uri {
        &self.0.uri
    }
}

impl FromStr for Target {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        self.0.url.text == other.0.url.text
    }
}

impl Eq for Target {}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/[redacted]", self.scheme(), self.authority())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::MAX_URL_BYTES;
    use super::*;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    #[test]
    fn each_rule_has_its_own_error() {
        let long = format!("https://a.example/{}", "x".repeat(MAX_URL_BYTES));
        let longer_when_encoded = format!("https://a.example/{}", "\u{e5}".repeat(MAX_URL_BYTES / 4));
        for (text, expected) in [
            (long.as_str(), error::url_too_long()),
            (longer_when_encoded.as_str(), error::url_too_long()),
            ("https://a.example/a b", error::URL_CHARACTER),
            ("https://a.example/#part", error::URL_CHARACTER),
            ("gopher://a.example/", error::URL_SCHEME),
            ("http:a.example", error::URL_SCHEME),
            ("https://user@a.example/", error::URL_CREDENTIALS),
            ("https:///a.example/", error::URL_HOST),
            ("https://a%2eexample/", error::URL_HOST),
            ("https://a..example/", error::URL_HOST),
            ("https://-a.example/", error::URL_HOST),
            ("https://f\u{e5}.example/", error::URL_HOST),
            ("https://127.1/", error::ADDRESS_SPELLING),
            ("https://127.0.0.1./", error::ADDRESS_SPELLING),
            ("https://a.example:65536/", error::URL),
        ] {
            assert_eq!(Target::parse(text).unwrap_err(), expected, "{text}");
        }
    }

    #[test]
    fn debug_and_display_hide_path_and_query() {
        let target = Target::parse("https://a.example:8443/T0KEN?key=s3cret").unwrap();
        for shown in [format!("{target:?}"), target.to_string()] {
            assert!(shown.contains("a.example:8443") && !shown.contains("T0KEN") && !shown.contains("s3cret"));
        }
    }

    #[test]
    fn the_parts_agree_with_the_text() {
        let target = Target::parse("http://[2606:4700:4700::1111]:8080/in").unwrap();
        assert_eq!((target.host(), target.address()), ("2606:4700:4700::1111", "2606:4700:4700::1111".parse().ok()));
        assert_eq!((target.port(), target.scheme()), (8080, "http"));
        assert_eq!(target.authority(), "[2606:4700:4700::1111]:8080");
        assert_eq!(target.uri().path(), "/in");
    }

    proptest! {
        #[test]
        fn the_canonical_text_of_a_target_parses_to_the_same_target(text in any::<String>(), tail in "[ -~]{0,40}") {
            for text in [text, format!("https://{tail}"), format!("http://h.example{tail}")] {
                if let Ok(target) = Target::parse(&text) {
                    let again = Target::parse(target.as_str());
                    prop_assert_eq!(again.as_ref(), Ok(&target));
                    prop_assert_eq!(target.uri().to_string(), target.as_str());
                    prop_assert!(target.uri().host().is_some());
                }
            }
        }
    }
}
