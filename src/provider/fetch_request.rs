//! The documents that a scheme needs before it can check a request.

use bytes::Bytes;

/// A document that a scheme needs before it can check a request: a certificate or a key set. The scheme has checked the URL against a fixed
/// pattern. The receiver fetches the document only through its [fetcher](crate::receiver::ReceiverBuilder::fetch).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchRequest {
    /// The name of the document in [`Trust::documents`](crate::signature::Trust::documents): usually its URL.
    pub name: String,
    /// The URL of the document.
    pub url: String,
    /// The JSON to post to the URL. `None`: the document is fetched with GET.
    pub post: Option<Bytes>,
    /// Whether the document must be fetched again, because the request names a key that the fetched document does not contain.
    pub refetch: bool,
    /// Whether the scheme needs no other document. The receiver then does not ask the scheme for the next one, which saves reading the body
    /// again.
    pub last: bool,
}

impl FetchRequest {
    /// Requests the document at this URL. A document that was fetched before is accepted.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        let url = url.into();
        Self { name: url.clone(), url, post: None, refetch: false, last: false }
    }

    /// Requests the response to this JSON, which is posted to the URL. `name` identifies the document, whatever the JSON contains.
    #[must_use]
    pub fn post(name: impl Into<String>, url: impl Into<String>, json: impl Into<Bytes>) -> Self {
        Self { name: name.into(), url: url.into(), post: Some(json.into()), refetch: false, last: false }
    }

    /// Requires that the document is fetched again, unless it was fetched in the last minute.
    #[must_use]
    pub fn refetch(self) -> Self {
        Self { refetch: true, ..self }
    }

    /// Declares that this is the last request: the scheme needs no other document.
    #[must_use]
    pub fn last(self) -> Self {
        Self { last: true, ..self }
    }
}
