//! The URI as the provider sent it.

use http::{Extensions, Request, Uri};

use super::axum::original_uri;

/// The URI as sent, in the extensions of the request.
#[derive(Clone)]
struct SentUri(Uri);

/// Records the URI of a request as the provider sent it, in the extensions of the request.
///
/// Some providers sign path and query (Twilio, HubSpot, Square, Contentful and others), and a nested router sees only the rest of the
/// path. With the feature `axum`, the layer uses the URI that axum keeps. Any other router or middleware that rewrites the URI must
/// call this first. Otherwise genuine requests are rejected, and a request that was signed for the rest of the path is accepted.
///
/// ```
/// use hookwire::receiver::{Receiver, Source, set_sent_uri};
/// use hookwire::signature::Settings;
/// use hookwire::store::MemoryDedup;
/// use http::Request;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let settings = Settings::default().with("url", "https://example.com");
/// let source = Source::provider("square", &["0123456789abcdef0123456789abcdef"], settings)?;
/// let receiver = Receiver::builder(MemoryDedup::new()).source(source).build()?;
/// let gate = receiver.gate("square")?;
///
/// // Square has signed https://example.com/hooks/square. A router has taken /hooks away.
/// let mut request = Request::post("/square")
///     .header("x-square-hmacsha256-signature", "3gLEJrLgJkwaqGRrOZmTqeVg1L+o5WGtDIvHetNHawg=")
///     .body(r#"{"event_id":"e1","type":"payment.made"}"#.into())?;
/// assert!(gate.verify(request.clone()).await.is_err(), "the signature is not for /square");
/// set_sent_uri(request.extensions_mut(), "/hooks/square".parse()?);
/// assert!(gate.verify(request).await.is_ok());
/// # Ok(())
/// # }
/// ```
pub fn set_sent_uri(extensions: &mut Extensions, sent: Uri) {
    extensions.insert(SentUri(sent));
}

/// Returns the URI as sent: as it was [set](set_sent_uri), as axum keeps it, or that of the request.
pub(super) fn sent_to<B>(request: &Request<B>) -> &Uri {
    let extensions = request.extensions();
    let said = extensions.get::<SentUri>().map(|sent| &sent.0);
    said.or_else(|| original_uri(extensions)).unwrap_or_else(|| request.uri())
}
