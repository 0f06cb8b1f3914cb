//! Without the feature `gzip` no compressed body is decoded.

use std::io::Empty;

pub(crate) const fn gzip(_body: &[u8]) -> Option<Empty> {
    None
}

pub(crate) const fn zlib(_body: &[u8]) -> Option<Empty> {
    None
}
