//! The URI as the provider sent it.

use http::{Request, Uri};

use super::axum::original_uri;

/// The URI of a request as the provider sent it, in the extensions of the request.
///
/// Some providers sign path and query (Twilio, HubSpot, Square, Contentful and others), and a nested router sees only the rest of the
/// path. With the feature `axum`, the layer uses the URI that axum keeps. Any other router or middleware that rewrites the URI must
/// put this into the extensions first. Otherwise genuine requests are rejected, and a request that was signed for the rest of the path
/// is accepted.
///
/// ```
/// use hookwire::receiver::SentUri;
///
/// let mut request = http::Request::post("/hooks/voice?x=1").body(()).unwrap();
/// let sent = SentUri(request.uri().clone());
/// request.extensions_mut().insert(sent);
/// *request.uri_mut() = "/voice?x=1".parse().unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "complete: made by routers and middleware from the URI alone")]
pub struct SentUri(pub Uri);

/// Returns the URI as sent: from a [`SentUri`], as axum keeps it, or that of the request.
pub(super) fn sent_to<B>(request: &Request<B>) -> &Uri {
    let extensions = request.extensions();
    let said = extensions.get::<SentUri>().map(|sent| &sent.0);
    said.or_else(|| original_uri(extensions)).unwrap_or_else(|| request.uri())
}
