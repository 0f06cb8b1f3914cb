//! The URI as the provider sent it.

use http::{Request, Uri};

use super::axum::original_uri;

/// The URI as sent, in the extensions of the request.
#[derive(Clone)]
struct SentUri(Uri);

/// Records the URI of a request as the provider sent it.
///
/// Some providers sign path and query (Twilio, HubSpot, Square, Contentful and others), and a nested router sees only the rest of the
/// path. With the feature `axum`, the layer uses the URI that axum keeps. Any other router or middleware that rewrites the URI must
/// call this first. Otherwise genuine requests are rejected, and a request that was signed for the rest of the path is accepted.
///
/// ```
/// use hookwire::receiver::set_sent_uri;
///
/// let mut request = http::Request::post("/hooks/voice?x=1").body(()).unwrap();
/// let sent = request.uri().clone();
/// set_sent_uri(&mut request, sent);
/// *request.uri_mut() = "/voice?x=1".parse().unwrap();
/// assert_eq!(request.extensions().len(), 1);
/// ```
pub fn set_sent_uri<B>(request: &mut Request<B>, sent: Uri) {
    request.extensions_mut().insert(SentUri(sent));
}

/// Returns the URI as sent: as it was [set](set_sent_uri), as axum keeps it, or that of the request.
pub(super) fn sent_to<B>(request: &Request<B>) -> &Uri {
    let extensions = request.extensions();
    let said = extensions.get::<SentUri>().map(|sent| &sent.0);
    said.or_else(|| original_uri(extensions)).unwrap_or_else(|| request.uri())
}
