//! Providers whose keys are public ones: given, or fetched.

mod apple_app_store;
mod atlassian_connect;
mod aws_sns;
mod google_pubsub;
mod microsoft_graph;
mod paypal;
mod plaid;
mod sendgrid;
mod wise;

pub use self::apple_app_store::{APPLE_APP_STORE, AppleAppStore};
pub use self::atlassian_connect::{ATLASSIAN_CONNECT, AtlassianConnect};
pub use self::aws_sns::{AWS_SNS, AwsSns};
pub use self::google_pubsub::{GOOGLE_PUBSUB, GooglePubsub};
pub use self::microsoft_graph::{MICROSOFT_GRAPH, MicrosoftGraph};
pub use self::paypal::{PAYPAL, PayPal};
pub use self::plaid::{PLAID, Plaid};
pub use self::sendgrid::SENDGRID;
pub use self::wise::WISE;
use super::Provider;
use crate::signature::{Need, Trust, VerifyError};

/// The providers of this module.
pub(super) const LIST: &[Provider] = &[
    Provider::code("apple_app_store", apple_app_store::DOCS, &APPLE_APP_STORE),
    Provider::code("atlassian_connect", atlassian_connect::DOCS, &ATLASSIAN_CONNECT),
    Provider::code("aws_sns", aws_sns::DOCS, &AWS_SNS),
    Provider::code("google_pubsub", google_pubsub::DOCS, &GOOGLE_PUBSUB),
    Provider::code("microsoft_graph", microsoft_graph::DOCS, &MICROSOFT_GRAPH),
    Provider::code("paypal", paypal::DOCS, &PAYPAL),
    Provider::code("plaid", plaid::DOCS, &PLAID),
    Provider::of(&SENDGRID),
    Provider::of(&WISE),
];

/// A document: out of a setting that maps URLs to texts (`certs`), or as it was fetched.
fn document<'a>(trust: &Trust<'a>, setting: &str, name: &str) -> Option<std::borrow::Cow<'a, [u8]>> {
    if let Some(map) = trust.settings.get(setting) {
        let map: std::collections::BTreeMap<String, String> = serde_json::from_str(map).ok()?;
        return map.get(name).map(|text| std::borrow::Cow::Owned(text.clone().into_bytes()));
    }
    trust.documents.get(name).map(|bytes| std::borrow::Cow::Borrowed(&**bytes))
}

/// A key set: the setting `jwks`, or as it was fetched.
fn key_set<'a>(trust: &Trust<'a>, name: &str) -> Option<&'a [u8]> {
    trust.settings.get("jwks").map(str::as_bytes).or_else(|| trust.documents.get(name).map(|bytes| &**bytes))
}

/// The key set at this URL, anew where the one at hand has no key of this id.
fn need_key_set(trust: &Trust<'_>, url: &str, kid: Option<&str>) -> Option<Need> {
    if trust.settings.get("jwks").is_some() {
        return None;
    }
    match trust.documents.get(url) {
        None => Some(Need::at(url)),
        Some(set) => {
            let unknown = crate::signature::jwt::find(set, kid).is_err_and(|it| it == VerifyError::UnknownKey);
            unknown.then(|| Need::at(url).anew())
        }
    }
}
