//! Changes of the URL.

use http::Uri;

use super::case::{Case, Try};
use super::cause::Cause;
use super::diagnosis::Diagnosis;
use super::order::permutations;
use crate::percent;
use crate::provider::scheme::Scheme;
use crate::provider::settings::SettingKind;
use crate::signature::Settings;

/// Headers in which proxies pass on the requested host, and the requested path.
const HOSTS: [&str; 4] = ["x-forwarded-host", "x-original-host", "forwarded-host", "host"];
const PATHS: [&str; 5] =
    ["x-forwarded-uri", "x-original-uri", "x-original-url", "x-rewrite-url", "x-envoy-original-path"];

/// Paths under which routers are nested, in addition to that of `x-forwarded-prefix`.
const PREFIXES: [&str; 9] =
    ["/api", "/webhooks", "/webhook", "/hooks", "/hook", "/api/webhooks", "/api/v1", "/v1", "/callbacks"];

/// Maximum number of fields of a query whose orders are tried.
const MAX_FIELDS: usize = 5;

pub(super) fn search(case: &Case<'_>) -> Option<Diagnosis> {
    let setting = case.scheme.url_name().and_then(|name| Some((name, case.trust.settings.get(name)?)));
    let of_setting = setting.and_then(|(name, url)| {
        let fits = |url: &String| {
            let settings = without(case.trust.settings, name).with(name, url.as_str());
            case.fits(Try { settings: Some(&settings), ..Try::default() })
        };
        let found = settings(case, url).into_iter().find(|(_, url)| fits(url));
        found.map(|(cause, _)| Diagnosis::proved(cause).detailed(format!("setting `{name}`")))
    });
    of_setting.or_else(|| {
        let fits = |uri: &Uri| case.fits(Try { uri: Some(uri), ..Try::default() });
        let found = targets(case).find(|(_, target)| target.parse().is_ok_and(|uri| fits(&uri)));
        found.map(|(cause, _)| Diagnosis::proved(cause))
    })
}

impl Scheme {
    /// The name of the setting that contains the URL.
    pub(super) fn url_name(&self) -> Option<&'static str> {
        let is_url = |kind| matches!(kind, SettingKind::Url | SettingKind::RegisteredUrl);
        self.settings.iter().find(|known| is_url(known.kind)).map(|known| known.name)
    }
}

fn without(settings: &Settings, name: &str) -> Settings {
    let others = settings.names().filter(|other| *other != name);
    let pairs = others.flat_map(|other| settings.all(other).iter().map(move |value| (other, value)));
    pairs.fold(Settings::default(), |all, (name, value)| all.with(name, value.as_str()))
}

/// The URLs that the provider may have configured.
fn settings(case: &Case<'_>, url: &str) -> Vec<(Cause, String)> {
    let mut all = Vec::new();
    let swapped = match url.split_once("://") {
        Some(("https", rest)) => format!("http://{rest}"),
        Some((_, rest)) => format!("https://{rest}"),
        None => format!("https://{url}"),
    };
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    all.push((Cause::UrlScheme, swapped));
    let hosts = HOSTS.iter().filter_map(|name| case.header(name)).map(ToOwned::to_owned);
    let with_www = authority.strip_prefix("www.").map_or_else(|| format!("www.{authority}"), ToOwned::to_owned);
    let bare = authority.split(':').next().unwrap_or(authority).to_owned();
    let ported = ["8080", "3000", "8443", "80", "443"].map(|port| format!("{bare}:{port}"));
    for host in
        hosts.chain(case.received.uri.authority().map(ToString::to_string)).chain([with_www, bare]).chain(ported)
    {
        for scheme in [scheme, if scheme == "https" { "http" } else { "https" }] {
            all.push((Cause::UrlHost, format!("{scheme}://{host}{path}")));
            all.push((Cause::UrlHost, format!("{scheme}://{host}")));
        }
    }
    let origin = format!("{scheme}://{authority}");
    all.push((Cause::UrlPath, origin.clone()));
    let slashed = path.strip_suffix('/').map_or_else(|| format!("{path}/"), ToOwned::to_owned);
    all.push((Cause::UrlPath, format!("{origin}{slashed}")));
    let paths = PATHS.iter().filter_map(|name| case.header(name)).filter_map(path_of);
    all.extend(paths.map(|path| (Cause::UrlPath, format!("{origin}{path}"))));
    let own = case.received.uri.path_and_query().map_or("/", |target| target.as_str());
    all.extend(prefixes(case).map(|prefix| (Cause::UrlPath, format!("{origin}{prefix}{own}"))));
    all.extend(
        prefixes(case)
            .filter_map(|prefix| own.strip_prefix(&prefix).map(|rest| (Cause::UrlPath, format!("{origin}{rest}")))),
    );
    all.extend(queries(case).map(|(cause, query)| (cause, joined(&origin, case.received.uri.path(), &query))));
    all
}

/// The path in a header that contains a path or a whole URL.
fn path_of(text: &str) -> Option<&str> {
    match text.split_once("://") {
        Some((_, rest)) => rest.get(rest.find('/')?..),
        None => Some(text).filter(|text| text.starts_with('/')),
    }
}

fn prefixes(case: &Case<'_>) -> impl Iterator<Item = String> {
    let own = case.header("x-forwarded-prefix").map(|prefix| prefix.trim_end_matches('/').to_owned());
    own.into_iter().chain(PREFIXES.map(ToOwned::to_owned))
}

/// The request targets that may have been signed.
fn targets(case: &Case<'_>) -> impl Iterator<Item = (Cause, String)> {
    let (path, query) = (case.received.uri.path(), case.received.uri.query());
    let with = |path: &str| query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let slashed = path.strip_suffix('/').map_or_else(|| format!("{path}/"), ToOwned::to_owned);
    let mut all = vec![(Cause::UrlPath, with(&slashed))];
    let passed = PATHS.iter().filter_map(|name| case.header(name)).filter_map(path_of);
    all.extend(passed.map(|path| (Cause::UrlPath, path.to_owned())));
    for prefix in prefixes(case) {
        all.push((Cause::UrlPath, with(&format!("{prefix}{path}"))));
        all.extend(
            path.strip_prefix(&prefix).filter(|rest| rest.starts_with('/')).map(|rest| (Cause::UrlPath, with(rest))),
        );
    }
    all.extend(queries(case).map(|(cause, query)| (cause, joined("", path, &query))));
    all.into_iter()
}

fn joined(origin: &str, path: &str, query: &str) -> String {
    if query.is_empty() { format!("{origin}{path}") } else { format!("{origin}{path}?{query}") }
}

/// The queries that may have been signed.
fn queries(case: &Case<'_>) -> impl Iterator<Item = (Cause, String)> {
    let query = case.received.uri.query().unwrap_or_default().to_owned();
    let decoded = String::from_utf8_lossy(&percent::decode(query.as_bytes())).into_owned();
    let changed = [String::new(), decoded, query.replace('+', "%20"), query.replace("%20", "+")];
    let fields: Vec<_> = query.split('&').map(ToOwned::to_owned).collect();
    let count = if (2..=MAX_FIELDS).contains(&fields.len()) { fields.len() } else { 0 };
    let ordered = permutations(count).map(move |order| {
        order.iter().filter_map(|at| fields.get(*at)).map(String::as_str).collect::<Vec<_>>().join("&")
    });
    changed.into_iter().chain(ordered).filter(move |other| *other != query).map(|query| (Cause::UrlQuery, query))
}
