//! The documents that a scheme needs before it can check a request.

use bytes::Bytes;

/// A document that a scheme needs before it can check a request: a certificate, a key set. The scheme has compared the URL with
/// its own pattern; the receiver fetches it through its [fetcher](crate::receiver::ReceiverBuilder::fetch) only.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchRequest {
    /// The name by which [`Trust::documents`](crate::signature::Trust::documents) has it: mostly its URL.
    pub name: String,
    /// Its URL.
    pub url: String,
    /// JSON that is posted to the URL; without it, the document is fetched by GET.
    pub post: Option<Bytes>,
    /// True if the document fetched before is too old: the request names a key that it did not have.
    pub fresh: bool,
    /// True if the scheme needs no other document: it is not asked again, and does not read the body again to answer.
    pub last: bool,
}

impl FetchRequest {
    /// The document at a URL; one that was fetched before is good enough.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        let url = url.into();
        Self { name: url.clone(), url, post: None, fresh: false, last: false }
    }

    /// The answer to this JSON, posted to the URL, under a name that does not depend on what is posted.
    #[must_use]
    pub fn post(name: impl Into<String>, url: impl Into<String>, json: impl Into<Bytes>) -> Self {
        Self { name: name.into(), url: url.into(), post: Some(json.into()), fresh: false, last: false }
    }

    /// The same document, fetched again unless that was just done.
    #[must_use]
    pub fn anew(self) -> Self {
        Self { fresh: true, ..self }
    }

    /// The same document, and no other.
    #[must_use]
    pub fn alone(self) -> Self {
        Self { last: true, ..self }
    }
}
