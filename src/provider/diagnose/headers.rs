//! Changes of the headers.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::case::{Case, Try};
use super::cause::Cause;
use super::diagnosis::Diagnosis;
use crate::provider::scheme::{Proof, Scheme};
use crate::signature::{Grammar, Signature};

/// Texts that may precede signatures and tokens.
const PREFIXES: [&str; 12] = [
    "sha256=",
    "sha1=",
    "sha512=",
    "v1=",
    "v0=",
    "v1,",
    "v1a,",
    "hmac-sha256=",
    "hmac=",
    "Bearer ",
    "Basic ",
    "Token ",
];

pub(super) fn search(case: &Case<'_>) -> Option<Diagnosis> {
    let names = case.headers();
    let fits = |headers: &HeaderMap| case.fits(Try { headers: Some(headers), ..Try::default() });
    if renamed(case).is_some_and(|headers| fits(&headers)) {
        return Some(Diagnosis::proved(Cause::HeaderName));
    }
    names.iter().find_map(|name| {
        let found = values(case, name).into_iter().find(|(_, value)| {
            let mut headers = case.received.headers.clone();
            HeaderValue::from_bytes(value).is_ok_and(|value| {
                headers.insert(name, value);
                fits(&headers)
            })
        });
        found.map(|(cause, _)| Diagnosis::proved(cause).detailed(name.as_str()))
    })
}

/// The headers with additional names: the scheme's name for a header that arrived under a similar name, and the HTTP name for a header that
/// an adapter has renamed.
fn renamed(case: &Case<'_>) -> Option<HeaderMap> {
    let received = case.received.headers;
    let mut headers = received.clone();
    for (name, value) in received {
        let written = name.as_str().replace('_', "-");
        let written = written.strip_prefix("http-").unwrap_or(&written);
        if let Some(name) = HeaderName::try_from(written).ok().filter(|written| !received.contains_key(written)) {
            headers.insert(name, value.clone());
        }
    }
    for name in case.known_headers().iter().filter(|name| !received.contains_key(*name)) {
        let similar = received.iter().find(|(other, _)| bare(other.as_str()) == bare(name.as_str()));
        if let Some((_, value)) = similar {
            headers.insert(name, value.clone());
        }
    }
    (headers.len() > received.len()).then_some(headers)
}

/// A name without the parts that adapters change: `HTTP_X_HUB_SIGNATURE` and `x-hub-signature` give the same result.
pub(super) fn bare(name: &str) -> String {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let name = name.strip_prefix("http-").unwrap_or(&name);
    let name = name.strip_prefix("x-").unwrap_or(name);
    name.replace('-', "")
}

/// The values that a header may have had.
fn values(case: &Case<'_>, name: &HeaderName) -> Vec<(Cause, Vec<u8>)> {
    let mut all = Vec::new();
    let lines: Vec<_> = case.received.headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    if lines.len() > 1 {
        all.extend(lines.iter().map(|line| (Cause::HeaderDuplicate, line.to_vec())));
        return all;
    }
    let Some(text) = lines.first().and_then(|line| std::str::from_utf8(line).ok()) else { return all };
    let middle = text.split_at_checked(text.len() / 2);
    for (one, other) in text.split_once(", ").into_iter().chain(middle) {
        let (one, other) = (one.trim_matches([',', ' ']), other.trim_matches([',', ' ']));
        if one == other {
            all.push((Cause::HeaderDuplicate, one.into()));
        }
    }
    for part in text.split(',').filter(|part| part.len() < text.len()) {
        all.push((Cause::HeaderDuplicate, part.trim().into()));
    }
    let quotes = ['"', '\'', ' ', '\t', '<', '>'];
    all.push((Cause::HeaderPrefix, text.trim_matches(quotes).into()));
    all.push((Cause::HeaderPrefix, crate::percent::decode(text.as_bytes()).into_owned()));
    all.push((Cause::HeaderPrefix, text.replace(' ', "+").into()));
    all.extend(prefixed(case, text.trim()).into_iter().map(|text| (Cause::HeaderPrefix, text.into_bytes())));
    all.extend(in_other_unit(text).into_iter().map(|text| (Cause::TimestampUnit, text.into_bytes())));
    all
}

/// The value with other prefixes, or without a prefix.
fn prefixed(case: &Case<'_>, text: &str) -> Vec<String> {
    let bare = PREFIXES.iter().find_map(|prefix| {
        let (head, rest) = text.split_at_checked(prefix.len())?;
        head.eq_ignore_ascii_case(prefix).then_some(rest.trim_start())
    });
    let bare = bare.unwrap_or(text);
    let own = match &case.scheme.proof {
        Proof::Signature(Signature { grammar: Grammar::Plain { prefix, .. }, .. }) => vec![*prefix],
        Proof::Token(tokens) => tokens.iter().map(|token| token.prefix).collect(),
        Proof::Jwt(jwt) => jwt.at.iter().map(|token| token.prefix).collect(),
        _ => Vec::new(),
    };
    let all = own.into_iter().chain(PREFIXES).chain([""]);
    all.map(|prefix| [prefix, bare].concat()).filter(|value| value != text).collect()
}

/// The value with its time in milliseconds instead of seconds, or the other way round.
fn in_other_unit(text: &str) -> Vec<String> {
    let runs =
        text.split(|letter: char| !letter.is_ascii_digit()).filter(|run| run.starts_with('1') || run.starts_with('2'));
    let times = runs.filter_map(|run| match run.len() {
        10 => Some(text.replacen(run, &format!("{run}000"), 1)),
        13 => Some(text.replacen(run, run.get(..10)?, 1)),
        16 => Some(text.replacen(run, run.get(..10)?, 1)),
        _ => None,
    });
    times.take(4).collect()
}

/// Whether the request has one of the headers that contain a scheme's signature.
pub(super) fn has_signature_of(scheme: &Scheme, headers: &HeaderMap) -> bool {
    scheme.signed_by().is_some_and(|signature| match signature.at {
        crate::signature::SignatureAt::Header(names) | crate::signature::SignatureAt::Headers(names) => {
            names.iter().any(|name| headers.contains_key(*name))
        }
        crate::signature::SignatureAt::Places(_) => false,
    })
}
