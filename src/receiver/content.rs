//! Decompression of bodies, within limits.

use std::io::Read;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use crate::decoder;

/// How many times longer than received an unverified body may become. Text rarely compresses to less than a fiftieth.
const MAX_RATIO: usize = 100;

/// How long a stored body may become when a job reads it, in bytes. The limit of its source was checked when it was received.
const MAX_AGAIN: usize = 256 << 20;

/// The result of a decompression.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inflated {
    /// The decompressed bytes.
    Plain(Bytes),
    /// They exceed the limit.
    TooLong,
    /// The body is not compressed, is compressed in an unknown way, or is damaged; or the feature `gzip` is off.
    Not,
}

/// Decompresses a body whose headers announce gzip or deflate.
pub(super) fn inflate(headers: &HeaderMap, body: &[u8], limit: usize) -> Inflated {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    match (codings.next().map(|coding| coding.as_bytes().trim_ascii().to_ascii_lowercase()), codings.next()) {
        (Some(coding), None) if coding == b"gzip" || coding == b"x-gzip" => read(decoder::gzip(body), limit),
        (Some(coding), None) if coding == b"deflate" => read(decoder::zlib(body), limit),
        _ => Inflated::Not,
    }
}

/// Does the same before the request is verified, for providers that sign before they compress. The cost is limited by the bytes that a
/// stranger has to send.
pub(super) fn inflate_unproved(headers: &HeaderMap, body: &[u8], limit: usize) -> Option<Bytes> {
    match inflate(headers, body, limit.min(body.len().saturating_mul(MAX_RATIO))) {
        Inflated::Plain(plain) => Some(plain),
        Inflated::TooLong | Inflated::Not => None,
    }
}

/// Decompresses a stored event, whose headers are gone, if it begins like gzip or zlib. JSON never begins like that.
pub(super) fn inflate_kept(body: &[u8]) -> Option<Bytes> {
    let inflated = match body {
        [0x1f, 0x8b, 8, ..] => read(decoder::gzip(body), MAX_AGAIN),
        // RFC 1950 section 2.2: the method with its window, and flags that make the two a multiple of 31.
        [method @ (0x08 | 0x18 | 0x28 | 0x38 | 0x48 | 0x58 | 0x68 | 0x78), flags, ..]
            if u16::from_be_bytes([*method, *flags]).is_multiple_of(31) =>
        {
            read(decoder::zlib(body), MAX_AGAIN)
        }
        _ => return None,
    };
    match inflated {
        Inflated::Plain(plain) => Some(plain),
        Inflated::TooLong | Inflated::Not => None,
    }
}

fn read(decoder: Option<impl Read>, limit: usize) -> Inflated {
    let Some(decoder) = decoder else { return Inflated::Not };
    let mut plain = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    match decoder.take(most).read_to_end(&mut plain) {
        Err(_) => Inflated::Not,
        Ok(_) if plain.len() > limit => Inflated::TooLong,
        Ok(_) => Inflated::Plain(plain.into()),
    }
}
