//! The parser behind [`Target`](super::Target): `http` and `https` URLs, strictly.
//!
//! It normalises an accepted URL as the WHATWG URL Standard does. It refuses every host that parsers read differently, so two readers of an
//! accepted URL find the same scheme, host and port. Tests (`ssrf::whatwg`) compare it with the crate `url`.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::error::{self, MAX_URL_BYTES};
use crate::field::FieldError;
use crate::percent;

/// A URL that has passed all rules.
pub(super) struct Url {
    /// The canonical text: a secret, because the URL of a webhook often contains one.
    pub(super) text: String,
    pub(super) https: bool,
    /// A name in lower case, or an address without brackets.
    pub(super) host: Box<str>,
    pub(super) address: Option<IpAddr>,
    pub(super) port: u16,
}

impl Url {
    pub(super) fn parse(text: &str) -> Result<Self, FieldError> {
        let (https, rest) = scheme(text)?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let (host, port) = split_authority(authority)?;
        let (host, address) = parse_host(host)?;
        let default = if https { 443 } else { 80 };
        let port = parse_port(port)?.unwrap_or(default);

        let mut text = String::with_capacity(text.len() + 1);
        text.push_str(if https { "https://" } else { "http://" });
        match address {
            Some(IpAddr::V6(ip)) => push_ipv6(&mut text, ip),
            _ => text.push_str(&host),
        }
        if port != default {
            let _infallible = write!(text, ":{port}");
        }
        let (path, query) = tail.split_once('?').map_or((tail, None), |(path, query)| (path, Some(query)));
        push_path(&mut text, path);
        if let Some(query) = query {
            text.push('?');
            percent::encode_to(&mut text, query, |byte| !matches!(byte, b'"' | b'<' | b'>' | b'\''));
        }
        // Percent-encoding makes the URL longer, and a store must be able to parse the stored text again.
        if text.len() > MAX_URL_BYTES {
            return Err(error::url_too_long());
        }
        Ok(Self { text, https, host, address, port })
    }
}

/// Checks rules 1 and 2. Returns whether the scheme is `https`, and what follows its slashes.
fn scheme(text: &str) -> Result<(bool, &str), FieldError> {
    if text.len() > MAX_URL_BYTES {
        return Err(error::url_too_long());
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '\\' | '#')) {
        return Err(error::URL_CHARACTER);
    }
    match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => Ok((true, rest)),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => Ok((false, rest)),
        _ => Err(error::URL_SCHEME),
    }
}

/// Checks rule 3. Returns the host, an IPv6 address in its brackets, and the text behind its colon.
fn split_authority(authority: &str) -> Result<(&str, &str), FieldError> {
    if authority.contains('@') {
        return Err(error::URL_CREDENTIALS);
    }
    if authority.contains('%') || !authority.is_ascii() {
        return Err(error::URL_HOST);
    }
    let host_end = match authority.starts_with('[') {
        true => authority.find(']').ok_or(error::URL_HOST)? + 1,
        false => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at(host_end);
    match rest.strip_prefix(':') {
        _ if host.is_empty() => Err(error::URL_HOST),
        Some(port) => Ok((host, port)),
        None if rest.is_empty() => Ok((host, rest)),
        None => Err(error::URL),
    }
}

/// A port in decimal; `None` if the text is empty.
fn parse_port(text: &str) -> Result<Option<u16>, FieldError> {
    match text {
        "" => Ok(None),
        _ if !text.bytes().all(|byte| byte.is_ascii_digit()) => Err(error::URL),
        _ => text.parse().map(Some).map_err(|_| error::URL),
    }
}

/// Checks rules 4 and 5.
fn parse_host(host: &str) -> Result<(Box<str>, Option<IpAddr>), FieldError> {
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or(error::URL_HOST)?;
        let ip: Ipv6Addr = inner.parse().map_err(|_| error::URL_HOST)?;
        return Ok((ip.to_string().into(), Some(ip.into())));
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    // The last label decides whether a WHATWG parser reads an address.
    if name.rsplit('.').next().is_some_and(is_number) {
        return match host.parse::<Ipv4Addr>() {
            Ok(ip) => Ok((host.into(), Some(ip.into()))),
            Err(_) if name.split('.').all(is_number) => Err(error::ADDRESS_SPELLING),
            Err(_) => Err(error::URL_HOST),
        };
    }
    let is_name = name.len() <= 253 && name.split('.').all(is_label);
    if is_name { Ok((host.to_ascii_lowercase().into(), None)) } else { Err(error::URL_HOST) }
}

/// Whether a WHATWG parser takes the label for a number: decimal, octal, or hexadecimal behind `0x`.
fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    hex.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        || (!label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether this is a label of a host name by RFC 1123 section 2.1, with the underscore that deployed names use.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The standard library writes the last two groups of a mapped address in decimal, and a URL has them in hexadecimal.
fn push_ipv6(text: &mut String, ip: Ipv6Addr) {
    let _infallible = match (ip.to_ipv4_mapped(), ip.segments()) {
        (Some(_), [.., high, low]) => write!(text, "[::ffff:{high:x}:{low:x}]"),
        (None, _) => write!(text, "[{ip}]"),
    };
}

/// Appends the path without its `.` and `..` segments, in which a dot may be written `%2e`.
fn push_path(text: &mut String, path: &str) {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        let dots = dots(segment);
        if dots == Some(2) {
            kept.pop();
        }
        match dots {
            None => kept.push(segment),
            Some(_) if segments.peek().is_none() => kept.push(""),
            Some(_) => {}
        }
    }
    for segment in kept {
        text.push('/');
        percent::encode_to(text, segment, |byte| !matches!(byte, b'"' | b'<' | b'>' | b'`' | b'{' | b'}'));
    }
}

/// The number of dots in a segment that consists of one or two dots and nothing else.
fn dots(segment: &str) -> Option<u8> {
    let (mut count, mut rest) = (0, segment.as_bytes());
    while let [b'.', after @ ..] | [b'%', b'2', b'e' | b'E', after @ ..] = rest {
        (count, rest) = (count + 1, after);
        if count > 2 {
            return None;
        }
    }
    (count > 0 && rest.is_empty()).then_some(count)
}
