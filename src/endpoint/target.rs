//! Where requests go: one parsed type from registration to the wire.
//!
//! A URL is read once, strictly, and never again from text: parsers disagree about odd URLs, and a guard that reads one
//! host while the client dials another is no guard. The rules, in order:
//!
//! 1. at most [`MAX_URL_BYTES`] bytes; no control character, space, `\` or `#` anywhere;
//! 2. `http://` or `https://` in any case, with exactly two slashes;
//! 3. no user name or password, no `%` and nothing but ASCII in the authority (write internationalised names as `xn--`);
//! 4. an IPv4 address only as four decimal numbers: not `127.1`, `0x7f000001` or `2130706433`;
//! 5. no empty label, no label that begins or ends with a hyphen, labels of at most 63 and names of at most 253 bytes.
//!
//! What passes is normalised by the WHATWG URL parser. Whether a target is *allowed* is not decided here but by
//! the sender's egress policy.
//!
//! ```
//! use hookwire::endpoint::Target;
//!
//! let target: Target = "HTTPS://Hooks.Example.com:443/in?token=s3cret".parse()?;
//! assert_eq!(target.as_str(), "https://hooks.example.com/in?token=s3cret");
//! assert_eq!(target.to_string(), "https://hooks.example.com/[redacted]");
//! assert!(Target::parse("http://2130706433/").is_err());
//! # Ok::<(), hookwire::endpoint::TargetError>(())
//! ```

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

/// Longest URL accepted, in bytes.
pub const MAX_URL_BYTES: usize = 2_048;

/// Where requests go: a parsed, canonical `http` or `https` URL. Cheap to clone.
///
/// `Debug` and `Display` leave out path and query, because a webhook's URL often is its password; [`as_str`](Self::as_str)
/// has all of it.
#[derive(Clone)]
pub struct Target(Arc<Inner>);

struct Inner {
    text: Box<str>,
    uri: http::Uri,
    host: Host,
    port: u16,
    https: bool,
}

/// The host of a [`Target`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Host {
    /// A name, in lower case and ASCII; a trailing dot is kept.
    Name(Box<str>),
    /// An address.
    Address(IpAddr),
}

/// Why a text is no target. The messages do not repeat the text: it may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Not a URL, or one that different parsers read differently.
    #[error("url: malformed")]
    Malformed,
    /// `https` was asked for.
    #[error("url: must begin with https://")]
    NotHttps,
    /// Neither `http://` nor `https://`.
    #[error("url: must begin with https:// or http://")]
    Scheme,
    /// More than [`MAX_URL_BYTES`].
    #[error("url: longer than {MAX_URL_BYTES} bytes")]
    TooLong,
    /// A control character, a space, a backslash or a fragment.
    #[error("url: contains a space, a control character, `\\` or `#`")]
    ForbiddenCharacter,
    /// A user name or password.
    #[error("url: must not contain a user name or password")]
    Credentials,
    /// The host is empty, not ASCII, percent-encoded, or not a possible name or address.
    #[error("url: host is not a valid name or address")]
    Host,
    /// An address in a spelling that parsers disagree about.
    #[error("url: an IPv4 address must be written as four decimal numbers")]
    AddressSpelling,
}

impl Target {
    /// Reads a URL.
    ///
    /// # Errors
    /// When it is malformed, or spelled so that another parser could read another host; [`TargetError`] says how.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let authority = raw_authority(text)?;
        let raw_host = raw_host(authority)?;
        let url = url::Url::parse(text).map_err(|_| TargetError::Malformed)?;
        // Percent-encoding makes it longer, and what is stored must be readable again.
        if url.as_str().len() > MAX_URL_BYTES {
            return Err(TargetError::TooLong);
        }
        let host = canonical_host(&url, raw_host)?;
        let port = url.port_or_known_default().ok_or(TargetError::Malformed)?;
        let uri = url.as_str().parse().map_err(|_| TargetError::Malformed)?;
        let https = url.scheme() == "https";
        Ok(Self(Arc::new(Inner { text: String::from(url).into(), uri, host, port, https })))
    }

    /// Whether it is `https`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.https
    }

    /// `https` or `http`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.0.https { "https" } else { "http" }
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.0.host
    }

    /// The port, also when the URL leaves it to the scheme.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// Host, and port unless it is the scheme's own: what the `Host` header says.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.0.uri.authority().map_or("", http::uri::Authority::as_str)
    }

    /// The canonical text, path and query included: treat it as a secret.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The same as a [`http::Uri`], made once; cloning it copies nothing.
    #[must_use]
    pub fn uri(&self) -> &http::Uri {
        &self.0.uri
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
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

/// Rules 1 and 2, and the authority as it was typed.
fn raw_authority(text: &str) -> Result<&str, TargetError> {
    if text.len() > MAX_URL_BYTES {
        return Err(TargetError::TooLong);
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '\\' | '#')) {
        return Err(TargetError::ForbiddenCharacter);
    }
    let (scheme, rest) = text.split_once("://").ok_or(TargetError::Scheme)?;
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(TargetError::Scheme);
    }
    Ok(rest.split(['/', '?']).next().unwrap_or_default())
}

/// Rule 3, and the host as it was typed: without port, with the brackets of an IPv6 address.
fn raw_host(authority: &str) -> Result<&str, TargetError> {
    if authority.contains('@') {
        return Err(TargetError::Credentials);
    }
    if authority.contains('%') || !authority.is_ascii() {
        return Err(TargetError::Host);
    }
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    if host.is_empty() { Err(TargetError::Host) } else { Ok(host) }
}

/// Rules 4 and 5: what the URL parser made of the host must be what was typed.
fn canonical_host(url: &url::Url, raw: &str) -> Result<Host, TargetError> {
    match url.host() {
        Some(url::Host::Ipv4(ip)) if raw == ip.to_string() => Ok(Host::Address(ip.into())),
        Some(url::Host::Ipv4(_)) => Err(TargetError::AddressSpelling),
        Some(url::Host::Ipv6(ip)) if raw.starts_with('[') => Ok(Host::Address(ip.into())),
        Some(url::Host::Domain(name)) if name.eq_ignore_ascii_case(raw) && is_name(name) => Ok(Host::Name(name.into())),
        _ => Err(TargetError::Host),
    }
}

/// RFC 1123 section 2.1, with the underscore that deployed names use.
fn is_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.len() <= 253 && name.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    #[test]
    fn each_rule_has_its_own_answer() {
        let long = format!("https://a.example/{}", "x".repeat(MAX_URL_BYTES));
        let longer_when_encoded = format!("https://a.example/{}", "\u{e5}".repeat(MAX_URL_BYTES / 4));
        for (text, expected) in [
            (long.as_str(), TargetError::TooLong),
            (longer_when_encoded.as_str(), TargetError::TooLong),
            ("https://a.example/a b", TargetError::ForbiddenCharacter),
            ("https://a.example/#part", TargetError::ForbiddenCharacter),
            ("gopher://a.example/", TargetError::Scheme),
            ("http:a.example", TargetError::Scheme),
            ("https://user@a.example/", TargetError::Credentials),
            ("https:///a.example/", TargetError::Host),
            ("https://a%2eexample/", TargetError::Host),
            ("https://a..example/", TargetError::Host),
            ("https://-a.example/", TargetError::Host),
            ("https://f\u{e5}.example/", TargetError::Host),
            ("https://127.1/", TargetError::AddressSpelling),
            ("https://127.0.0.1./", TargetError::AddressSpelling),
            ("https://a.example:65536/", TargetError::Malformed),
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
        assert_eq!(target.host(), &Host::Address("2606:4700:4700::1111".parse().unwrap()));
        assert_eq!((target.port(), target.scheme()), (8080, "http"));
        assert_eq!(target.authority(), "[2606:4700:4700::1111]:8080");
        assert_eq!(target.uri().path(), "/in");
    }

    proptest! {
        #[test]
        fn p4_the_canonical_text_of_a_target_is_the_same_target(text in any::<String>(), tail in "[ -~]{0,40}") {
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
