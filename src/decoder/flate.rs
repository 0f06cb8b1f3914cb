//! Decoders of compressed bodies, by flate2.

use std::io::Read;

use flate2::read::{MultiGzDecoder, ZlibDecoder};

/// Decodes gzip (RFC 1952).
pub(crate) fn gzip(body: &[u8]) -> Option<impl Read> {
    Some(MultiGzDecoder::new(body))
}

/// Decodes the zlib format (RFC 1950), which HTTP calls `deflate`.
pub(crate) fn zlib(body: &[u8]) -> Option<impl Read> {
    Some(ZlibDecoder::new(body))
}
