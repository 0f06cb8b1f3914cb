//! The URL that a provider has signed, as far as a setting and the request determine it.

use super::error::VerifyError;
use super::received::Received;
use super::trust::Trust;

/// The parts of a URL in a setting, as they are written in the setting.
#[derive(Clone, Copy)]
pub(crate) struct Configured<'a> {
    scheme: &'a str,
    /// User and password, with the `@`.
    user: &'a str,
    pub(crate) host: &'a str,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Configured<'a> {
    pub(crate) fn read(url: &'a str) -> Result<Self, &'static str> {
        let (scheme, rest) = url.split_once("://").ok_or("has no scheme: write https:// before the host")?;
        if !["https", "http"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return Err("has another scheme than https or http");
        }
        let (authority, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (user, host) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        Ok(Self { scheme, user, host, path, query })
    }

    /// The scheme and authority in up to three forms: as written; with the host in lower case and without the default port; and
    /// without user and password, because only some providers sign them.
    fn origins(&self) -> Vec<String> {
        let host = self.host.to_ascii_lowercase();
        let scheme = self.scheme.to_ascii_lowercase();
        let default = if scheme == "http" { ":80" } else { ":443" };
        let bare = host.strip_suffix(default).unwrap_or(&host);
        let mut all = vec![format!("{}://{}{}", self.scheme, self.user, self.host)];
        for origin in [format!("{scheme}://{}{host}", self.user), format!("{scheme}://{}{bare}", self.user)] {
            push(&mut all, origin);
        }
        if !self.user.is_empty() {
            push(&mut all, format!("{scheme}://{bare}"));
        }
        all
    }

    /// The paths and queries that may have been signed:
    ///
    /// - If the setting is an origin (`https://example.com`), they are those of the request.
    /// - If the setting has a path without a query, there are two cases. The path is the signed one and does not change, and the
    ///   request's query follows it. Or the path is a prefix that a proxy has removed, and the request's path follows it.
    /// - If the setting has a path and a query, both were signed, whatever the path of the request is. The query of the request may
    ///   only extend the query of the setting.
    pub(crate) fn targets(&self, sent: &str) -> Vec<String> {
        let (path, query) = sent.split_once('?').map_or((sent, None), |(path, query)| (path, Some(query)));
        let base = self.path.trim_end_matches('/');
        if let Some(configured) = self.query {
            let goes_on = |query: &str| query.strip_prefix(configured).is_some_and(|rest| rest.starts_with('&'));
            let query = match query {
                Some(query) if goes_on(query) => query,
                Some(query) if query != configured => return Vec::new(),
                _ => configured,
            };
            let path = if self.path.is_empty() { "/" } else { self.path };
            return vec![format!("{path}?{query}")];
        }
        if base.is_empty() {
            return vec![sent.to_owned()];
        }
        let with_query = query.map_or_else(|| self.path.to_owned(), |query| format!("{}?{query}", self.path));
        if path.trim_end_matches('/') == base {
            let mut all = vec![with_query];
            push(&mut all, sent.to_owned());
            return all;
        }
        let longer = format!("{base}{sent}");
        if path.strip_prefix(base).is_some_and(|rest| rest.starts_with('/')) {
            vec![sent.to_owned(), longer]
        } else {
            vec![with_query, longer]
        }
    }
}

fn push(all: &mut Vec<String>, text: String) {
    if !all.contains(&text) {
        all.push(text);
    }
}

/// The path and query of a request, as its sender wrote them.
pub(crate) fn sent<'a>(received: &Received<'a>) -> &'a str {
    received.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str)
}

/// The URLs that may have been signed: the scheme and host of the setting, followed by each of the [paths and
/// queries](Configured::targets). `Host` and `X-Forwarded-*` are never used, because the sender chooses them.
pub(crate) fn urls(received: &Received<'_>, url: &str) -> Vec<String> {
    let Ok(configured) = Configured::read(url) else { return Vec::new() };
    let targets = configured.targets(sent(received));
    let mut all = Vec::with_capacity(targets.len());
    for origin in configured.origins() {
        for target in &targets {
            all.push([&origin, target.as_str()].concat());
        }
    }
    all
}

/// How the query of a setting's URL relates to the query of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UrlQuery {
    /// The request's own query is used, whatever it is.
    AsReceived,
    /// The query was registered together with the URL. If the setting has a path and the request has a query, the setting must
    /// contain that query.
    AsRegistered,
}

/// The URLs that may have been signed, by the setting with this name.
pub(crate) fn urls_of(
    received: &Received<'_>,
    trust: &Trust<'_>,
    setting: &'static str,
    query: UrlQuery,
) -> Result<Vec<String>, VerifyError> {
    let url = trust.settings.need(setting)?;
    let path = Configured::read(url).map_or("", |configured| configured.path.trim_end_matches('/'));
    let is_whole = !path.is_empty() && path == received.uri.path().trim_end_matches('/');
    if query == UrlQuery::AsRegistered && is_whole && received.uri.query().is_some() && !url.contains('?') {
        return Ok(Vec::new());
    }
    Ok(urls(received, url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(setting: &str, request: &str) -> Vec<String> {
        let (method, uri, headers) = (http::Method::POST, request.parse().unwrap(), http::HeaderMap::new());
        urls(&Received { method: &method, uri: &uri, headers: &headers, body: b"" }, setting)
    }

    #[test]
    fn an_origin_is_followed_by_the_requests_own_path_and_query() {
        for setting in ["https://a.example", "https://a.example/"] {
            assert_eq!(of(setting, "/h?x=1"), ["https://a.example/h?x=1"]);
            assert_eq!(of(setting, "https://evil.example/h"), ["https://a.example/h"], "never the request's host");
        }
    }

    #[test]
    fn a_path_is_fixed_and_the_query_the_requests_or_a_prefix_that_was_cut_off() {
        assert_eq!(of("https://a.example/h", "/h?x=1"), ["https://a.example/h?x=1"]);
        assert_eq!(of("https://a.example/h/", "/h"), ["https://a.example/h/", "https://a.example/h"]);
        assert_eq!(of("https://a.example/p", "/h?x=1"), ["https://a.example/p?x=1", "https://a.example/p/h?x=1"]);
        assert_eq!(of("https://a.example/p/", "/p/h"), ["https://a.example/p/h", "https://a.example/p/p/h"]);
        assert_eq!(of("https://a.example/p", "/ph"), ["https://a.example/p", "https://a.example/p/ph"]);
    }

    #[test]
    fn a_configured_query_may_go_on_and_not_be_another() {
        assert_eq!(of("https://a.example/h?t=1", "/h?t=1"), ["https://a.example/h?t=1"]);
        assert_eq!(of("https://a.example/h?t=1", "/else"), ["https://a.example/h?t=1"]);
        assert_eq!(of("https://a.example/h?t=1", "/h?t=1&x=2"), ["https://a.example/h?t=1&x=2"]);
        assert!(of("https://a.example/h?t=1", "/h?t=2").is_empty());
        assert!(of("https://a.example/h?t=1", "/h?t=12").is_empty());
    }

    #[test]
    fn hosts_are_of_either_case_and_with_or_without_the_usual_port() {
        assert_eq!(
            of("https://A.example:443", "/h"),
            ["https://A.example:443/h", "https://a.example:443/h", "https://a.example/h"]
        );
        assert_eq!(of("http://a.example:443", "/h"), ["http://a.example:443/h"]);
        assert_eq!(of("https://u:p@a.example", "/h"), ["https://u:p@a.example/h", "https://a.example/h"]);
    }
}
