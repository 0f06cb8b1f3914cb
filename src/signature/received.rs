//! A request as it was received.

use std::fmt;

/// A request as received, nothing believed yet.
#[derive(Clone, Copy)]
#[expect(
    clippy::exhaustive_structs,
    reason = "complete: the parts of a request; the application builds it as a literal"
)]
pub struct Received<'a> {
    /// Its method.
    pub method: &'a http::Method,
    /// Its request target.
    pub uri: &'a http::Uri,
    /// Its headers.
    pub headers: &'a http::HeaderMap,
    /// Its body, byte for byte.
    pub body: &'a [u8],
}

/// Method and size only: headers and body may be secret.
impl fmt::Debug for Received<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Received({}, {} headers, {} bytes)", self.method, self.headers.len(), self.body.len())
    }
}
