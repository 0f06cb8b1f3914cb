//! Reads captured requests in the usual formats.

mod curl;
mod document;
mod raw;

use std::io::Read as _;
use std::path::Path;

use bytes::Bytes;
use hookwire::clock::Timestamp;
use http::Request;

use super::failure::Failure;

/// The longest file that is read, in bytes.
const MAX_BYTES: u64 = 256 << 20;

/// A captured request.
#[derive(Debug)]
pub(crate) struct Captured {
    pub(crate) request: Request<Bytes>,
    /// The time of receipt, if the file has it.
    pub(crate) received_at: Option<Timestamp>,
}

/// Reads the requests in a file, or in standard input.
pub(crate) fn read_file(file: &Path) -> Result<Vec<Captured>, Failure> {
    let named = |error: std::io::Error| Failure::new(format!("{}: {error}", file.display()));
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().lock().take(MAX_BYTES).read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(file).map_err(named)?.take(MAX_BYTES).read_to_end(&mut bytes).map_err(named)?;
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    read(&bytes, folder).map_err(|problem| Failure::new(format!("{}: {problem}", file.display())))
}

/// Reads the requests in a text: JSON, a curl command, or a raw request. A curl command may take its body from a file in `folder`.
pub(crate) fn read(bytes: &[u8], folder: &Path) -> Result<Vec<Captured>, String> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let begin = text.trim_ascii_start();
    if begin.is_empty() {
        return Err("is empty: use a raw request, a curl command, a HAR file or JSON lines".into());
    }
    if begin.starts_with(b"{") || begin.starts_with(b"[") {
        document::read(begin)
    } else if begin.starts_with(b"curl") || begin.starts_with(b"$ curl") {
        let command = std::str::from_utf8(begin).map_err(|_| "the curl command is not UTF-8")?;
        Ok(vec![curl::read(command, folder)?])
    } else {
        Ok(vec![raw::read(begin)?])
    }
}

pub(crate) use self::document::write;
