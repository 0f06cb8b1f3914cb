//! Compressed bodies: what is in them, within bounds.

use std::io::Read;

use bytes::Bytes;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

/// How many times longer than it was received a body may become before its proof. Text is rarely made shorter than a fiftieth.
const MAX_RATIO: usize = 100;

/// How long a body that was proved may become when a job reads it again, in bytes; its source's own limit counted when it came.
const MAX_AGAIN: usize = 256 << 20;

/// What became of a compressed body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inflated {
    /// What was in it.
    Plain(Bytes),
    /// It is longer than the limit.
    TooLong,
    /// It is not compressed, or in a way that is not known, or broken.
    Not,
}

/// What is in the body of a request that says that it is compressed, by gzip or deflate.
pub(super) fn inflate(headers: &HeaderMap, body: &[u8], limit: usize) -> Inflated {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    match (codings.next().map(|coding| coding.as_bytes().trim_ascii().to_ascii_lowercase()), codings.next()) {
        (Some(coding), None) if coding == b"gzip" || coding == b"x-gzip" => read(MultiGzDecoder::new(body), limit),
        (Some(coding), None) if coding == b"deflate" => read(ZlibDecoder::new(body), limit),
        _ => Inflated::Not,
    }
}

/// The same before the request was proved: for those who sign what they compress afterwards. Its cost is bounded by what the stranger
/// had to send.
pub(super) fn inflate_unproved(headers: &HeaderMap, body: &[u8], limit: usize) -> Option<Bytes> {
    match inflate(headers, body, limit.min(body.len().saturating_mul(MAX_RATIO))) {
        Inflated::Plain(plain) => Some(plain),
        Inflated::TooLong | Inflated::Not => None,
    }
}

/// What is in bytes that begin as gzip or zlib does, of an event that was proved and kept: its headers are gone. No JSON begins so.
pub(super) fn inflate_kept(body: &[u8]) -> Option<Bytes> {
    let inflated = match body {
        [0x1f, 0x8b, 8, ..] => read(MultiGzDecoder::new(body), MAX_AGAIN),
        // RFC 1950 section 2.2: the method with its window, and flags that make the two a multiple of 31.
        [method @ (0x08 | 0x18 | 0x28 | 0x38 | 0x48 | 0x58 | 0x68 | 0x78), flags, ..]
            if u16::from_be_bytes([*method, *flags]).is_multiple_of(31) =>
        {
            read(ZlibDecoder::new(body), MAX_AGAIN)
        }
        _ => return None,
    };
    match inflated {
        Inflated::Plain(plain) => Some(plain),
        Inflated::TooLong | Inflated::Not => None,
    }
}

fn read(decoder: impl Read, limit: usize) -> Inflated {
    let mut plain = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    match decoder.take(most).read_to_end(&mut plain) {
        Err(_) => Inflated::Not,
        Ok(_) if plain.len() > limit => Inflated::TooLong,
        Ok(_) => Inflated::Plain(plain.into()),
    }
}
