//! The URI as the sender wrote it, whatever a router has made of it.

use http::{Request, Uri};

use super::axum::original_uri;

/// The URI of a request as its sender wrote it, in the extensions of the request.
///
/// Some providers sign path and query (Twilio, HubSpot, Square, Contentful and others), and a router that is nested in another one sees
/// the rest of the path only. With the feature `axum` the layer finds what axum has kept, and nothing is to be done. Any other
/// router or middleware that rewrites the URI puts this into the extensions first; else honest requests are refused, and a
/// request that was signed for the rest of the path is accepted.
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
pub struct SentUri(pub Uri);

/// What the sender wrote: as somebody has put it into the extensions, as axum has kept it, or as it is.
pub(super) fn sent_to<B>(request: &Request<B>) -> &Uri {
    let extensions = request.extensions();
    let said = extensions.get::<SentUri>().map(|sent| &sent.0);
    said.or_else(|| original_uri(extensions)).unwrap_or_else(|| request.uri())
}
