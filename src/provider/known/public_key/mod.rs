//! Providers with public keys, which are configured or fetched.

mod certificate;

use super::super::list::public_key_providers;
use super::super::scheme::Scheme;
use crate::provider::FetchRequest;
use crate::signature::{Trust, VerifyError};

public_key_providers!(declare);

/// A document: from a setting that maps URLs to texts (`certs`), or as it was fetched.
fn document<'a>(trust: &Trust<'a>, setting: &str, name: &str) -> Option<std::borrow::Cow<'a, [u8]>> {
    if let Some(map) = trust.settings.get(setting) {
        let map: std::collections::BTreeMap<String, String> = serde_json::from_str(map).ok()?;
        return map.get(name).map(|text| std::borrow::Cow::Owned(text.clone().into_bytes()));
    }
    trust.documents.get(name).map(|bytes| std::borrow::Cow::Borrowed(&**bytes))
}

/// A key set: from the setting `jwks`, or as it was fetched.
fn key_set<'a>(trust: &Trust<'a>, name: &str) -> Option<&'a [u8]> {
    trust.settings.get("jwks").map(str::as_bytes).or_else(|| trust.documents.get(name).map(|bytes| &**bytes))
}

/// Returns the request for the key set at this URL if there is no key set yet, or if the present key set has no key with this id. Otherwise
/// returns `None`.
fn need_key_set(trust: &Trust<'_>, url: &str, kid: Option<&str>) -> Option<FetchRequest> {
    if trust.settings.get("jwks").is_some() {
        return None;
    }
    match trust.documents.get(url) {
        None => Some(FetchRequest::at(url)),
        Some(set) => {
            let unknown = crate::signature::key_set::find(set, kid).is_err_and(|it| it == VerifyError::UnknownKey);
            unknown.then(|| FetchRequest::at(url).refetch())
        }
    }
}
