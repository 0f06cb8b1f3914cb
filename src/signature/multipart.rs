//! Fields of multipart forms (RFC 7578), read by multer.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{FutureExt as _, future, stream};
use multer::{Error, Field, Multipart};

use crate::work;

/// Most parts that are looked at.
const MAX_PARTS: usize = 256;

/// Longest boundary (RFC 2046 section 5.1.1).
const MAX_BOUNDARY: usize = 70;

/// Of each of these fields the first two values, of which the second only shows that there are two; `None` where the body is no
/// multipart form. Files do not count.
pub(super) fn values(body: &[u8], names: &[&str]) -> Option<Vec<Vec<String>>> {
    let boundary = boundary(body)?.to_owned();
    work::spent(body.len());
    // The whole body is at hand, so nothing is ever waited for.
    read(Bytes::copy_from_slice(body), boundary, names).now_or_never()?.ok()
}

/// The first line is the boundary behind two dashes: what providers send has nothing before it.
fn boundary(body: &[u8]) -> Option<&str> {
    let rest = body.strip_prefix(b"--")?;
    let line = rest.get(..rest.iter().take(MAX_BOUNDARY + 2).position(|byte| matches!(byte, b'\r' | b'\n'))?)?;
    let line = std::str::from_utf8(line).ok()?.trim_end();
    (1..=MAX_BOUNDARY).contains(&line.len()).then_some(line)
}

async fn read(body: Bytes, boundary: String, names: &[&str]) -> Result<Vec<Vec<String>>, Error> {
    let mut form = Multipart::new(stream::once(future::ready(Ok::<_, Infallible>(body))), boundary);
    let mut all = vec![Vec::new(); names.len()];
    for _ in 0..MAX_PARTS {
        let Some(field) = form.next_field().await? else { break };
        let named = names.iter().position(|name| field.name() == Some(*name)).filter(|_| field.file_name().is_none());
        if let Some(values) = named.and_then(|slot| all.get_mut(slot)).filter(|values| values.len() < 2) {
            values.push(text(field).await?);
        }
    }
    Ok(all)
}

/// The text of a field, whole. Multer takes a byte order mark off and reads UTF-16 behind one, where other readers do neither: a
/// value would be two.
async fn text(field: Field<'_>) -> Result<String, Error> {
    let charset = field.content_type().and_then(|kind| kind.get_param("charset"));
    if charset.is_some_and(|charset| !charset.as_str().eq_ignore_ascii_case("utf-8")) {
        return field.text().await;
    }
    Ok(String::from_utf8_lossy(&field.bytes().await?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &[u8] = b"--x1\r\ncontent-disposition: form-data; name=\"token\"\r\n\r\nabc\r\n--x1\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\ncontent-type: text/plain\r\n\r\n--x\r\n\r\n--x1\r\n\
        Content-Disposition: form-data; name=\"time\"\r\n\r\n1700000000\r\n--x1--\r\n";

    #[test]
    fn fields_are_found_and_files_are_none() {
        for (name, values_of) in [("token", &["abc"][..]), ("time", &["1700000000"]), ("file", &[]), ("other", &[])] {
            assert_eq!(values(FORM, &["none", name]).unwrap(), [&[][..], values_of], "{name}");
        }
        let twice = [&FORM[..FORM.len() - 8], FORM].concat();
        assert_eq!(values(&twice, &["token"]).unwrap()[0].len(), 2);
    }

    #[test]
    fn a_byte_order_mark_stays_and_another_charset_is_read() {
        let form = |kind: &str, value: &[u8]| {
            let head = format!("--x1\r\nContent-Disposition: form-data; name=\"token\"\r\n{kind}\r\n");
            values(&[head.as_bytes(), value, b"\r\n--x1--\r\n"].concat(), &["token"]).unwrap().remove(0)
        };
        assert_eq!(form("", "\u{feff}a".as_bytes()), ["\u{feff}a"]);
        assert_eq!(form("Content-Type: text/plain; charset=UTF-8\r\n", "\u{feff}a".as_bytes()), ["\u{feff}a"]);
        assert_eq!(form("", b"\xff\xfea\0"), ["\u{fffd}\u{fffd}a\0"]);
        assert_eq!(form("Content-Type: text/plain; charset=iso-8859-1\r\n", b"\xe9"), ["é"]);
    }

    #[test]
    fn what_is_no_form_holds_nothing() {
        for body in [&b""[..], b"{}", b"--", b"--\r\n", b"--x", &[b'-'; 100]] {
            assert_eq!(values(body, &["token"]), None);
        }
        assert_eq!(values(&FORM[..60], &["time"]), None, "broken off");
    }
}
