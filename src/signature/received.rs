//! A request as it was received.

use std::fmt;

/// A request as it was received. Nothing in it is verified yet.
#[derive(Clone, Copy)]
#[expect(
    clippy::exhaustive_structs,
    reason = "complete: the parts of a request; the application builds it as a literal"
)]
pub struct Received<'a> {
    /// The method.
    pub method: &'a http::Method,
    /// The request target.
    pub uri: &'a http::Uri,
    /// The headers.
    pub headers: &'a http::HeaderMap,
    /// The body, byte for byte.
    pub body: &'a [u8],
}

/// Prints the method and the size only, because headers and body may be secret.
impl fmt::Debug for Received<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Received({}, {} headers, {} bytes)", self.method, self.headers.len(), self.body.len())
    }
}
