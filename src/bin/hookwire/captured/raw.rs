//! Reads raw HTTP requests.

use bytes::Bytes;
use http::Request;
use http::header::CONTENT_LENGTH;

use super::Captured;

/// Reads `POST /path HTTP/1.1`, headers, an empty line and the body. Lines may end with LF alone. If the body is longer than
/// `Content-Length`, the rest is ignored, because editors add a line break.
pub(super) fn read(bytes: &[u8]) -> Result<Captured, String> {
    let (head, body) = split(bytes);
    let head = std::str::from_utf8(head).map_err(|_| "the head of the request is not UTF-8")?;
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let mut words = first.split_ascii_whitespace();
    let (method, target) = match (words.next(), words.next()) {
        (Some(method), Some(target)) if target.starts_with('/') || target.contains("://") => (method, target),
        _ => return Err(format!("the first line is `{}`: it must be like `POST /hooks HTTP/1.1`", shortened(first))),
    };
    let mut request = Request::builder().method(method).uri(target);
    for line in lines {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| format!("`{}` is not a header: write `Name: value`", shortened(line)))?;
        request = request.header(name.trim(), value.trim());
    }
    let announced = request.headers_ref().and_then(|headers| headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok());
    let body = announced.and_then(|length: usize| body.get(..length)).unwrap_or(body);
    let request =
        request.body(Bytes::copy_from_slice(body)).map_err(|error| format!("the head is invalid: {error}"))?;
    Ok(Captured { request, received_at: None })
}

/// Returns the head and the body, which an empty line separates.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    for end in [&b"\r\n\r\n"[..], b"\n\n"] {
        if let Some(at) = bytes.windows(end.len()).position(|window| window == end) {
            return (&bytes[..at], &bytes[at + end.len()..]);
        }
    }
    (bytes, b"")
}

fn shortened(line: &str) -> String {
    line.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_has_its_announced_length_and_lines_may_end_either_way() {
        for text in
            ["POST /h?a=1 HTTP/1.1\r\nX-A: b\r\nContent-Length: 2\r\n\r\n{}\n", "POST /h?a=1 HTTP/1.1\nX-A:b\n\n{}"]
        {
            let request = read(text.as_bytes()).unwrap().request;
            assert_eq!((request.uri().query(), &**request.body()), (Some("a=1"), &b"{}"[..]));
            assert_eq!(request.headers()["x-a"], "b");
        }
        assert!(read(b"hello").unwrap_err().contains("POST /hooks HTTP/1.1"));
    }
}
